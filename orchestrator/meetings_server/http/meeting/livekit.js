/**
 * Everybody connected with a LiveKit server, which passes on what each sends.
 *
 * Who is in, the meeting's own socket tells; LiveKit only brings their tracks. A connection that its
 * library gives up is made anew here, for as long as the meeting lasts, with the newest token that
 * the server gave. The library is served beside this file; nothing is loaded from elsewhere.
 */

import "./livekit-client.js";

const { DefaultReconnectPolicy, DisconnectReason, Room, RoomEvent, Track, VideoQuality, setLogLevel } = globalThis.LivekitClient;

const SOURCES = {
  microphone: Track.Source.Microphone,
  camera: Track.Source.Camera,
  screen: Track.Source.ScreenShare,
  screen_sound: Track.Source.ScreenShareAudio,
};
const KINDS = Object.fromEntries(Object.entries(SOURCES).map(([kind, source]) => [source, kind]));
const DELAYS = [500, 1000, 2000, 4000, 5000]; // milliseconds; the last again and again
// The same of the library, which takes up a connection in place if it can, and then gives up.
const IN_PLACE = [0, 300, 1000, 2000, 2000, 2000];
const FEW = 3; // others, whose pictures are large
const SOME = 8; // others, whose pictures are of middle size

setLogLevel("error");

export class LiveKit {
  constructor(media, hears) {
    this.media = media;
    this.hears = hears;
    this.tracks = Object.fromEntries(Object.keys(SOURCES).map((kind) => [kind, null]));
    this.busy = new Set();
    this.people = new Set();
    this.heard = new Map();
    this.room = null;
    this.tries = 0;
    this.timer = null;
    this.over = false;
    this.#connect();
  }

  /** There is a newer token; who is waiting for the next try has it now. */
  update(media) {
    this.media = media;
    if (this.timer !== null) {
      clearTimeout(this.timer);
      this.#connect();
    }
  }

  /** Somebody is in the room; what they send may have come before. */
  came(id) {
    this.people.add(id);
    this.#link(id);
    for (const [kind, track] of Object.entries(this.heard.get(id) ?? {})) this.hears.track(id, kind, track);
    this.#size();
  }

  /** Somebody is not; the server sees to it that LiveKit knows. */
  gone(id) {
    this.people.delete(id);
    this.#size();
  }

  /** Nothing is agreed between browsers here. */
  signal() {}

  /** Send a track, on or off as it is. */
  publish(kind, track) {
    this.tracks[kind] = track;
    this.#settle(kind);
  }

  /** End the connection; the tracks go on for whoever has them. */
  close() {
    this.over = true;
    clearTimeout(this.timer);
    this.room?.disconnect(false);
  }

  async #connect() {
    this.timer = null;
    const room = new Room({
      adaptiveStream: false,
      dynacast: true,
      reconnectPolicy: new DefaultReconnectPolicy(IN_PLACE),
      publishDefaults: { simulcast: true, stopMicTrackOnMute: false },
      stopLocalTrackOnUnpublish: false,
    });
    this.room = room;
    this.#listen(room);
    try {
      await room.connect(this.media.url, this.media.token, { maxRetries: 0 });
    } catch (error) {
      console.warn("LiveKit let nobody in:", error.message);
      this.#lost(room, this.tries);
      return;
    }
    if (this.over) {
      room.disconnect(false);
      return;
    }
    this.tries = 0;
    for (const id of this.people) this.#link(id);
    for (const kind of Object.keys(SOURCES)) this.#settle(kind);
    this.#size();
  }

  #listen(room) {
    const linked = (participant) => this.#link(participant.identity);
    const all = () => {
      for (const id of this.people) this.#link(id);
    };
    room
      .on(RoomEvent.ParticipantConnected, linked)
      .on(RoomEvent.ParticipantDisconnected, linked)
      .on(RoomEvent.Reconnecting, all)
      .on(RoomEvent.Reconnected, () => {
        all();
        for (const kind of Object.keys(SOURCES)) this.#settle(kind);
        this.#size();
      })
      .on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
        this.#take(participant.identity, KINDS[publication.source], track.mediaStreamTrack);
        this.#size();
      })
      .on(RoomEvent.TrackUnsubscribed, (track, publication, participant) => {
        const kind = KINDS[publication.source];
        // A newer one of the same kind may have come before the end of this one.
        if (this.heard.get(participant.identity)?.[kind] === track.mediaStreamTrack) {
          this.#take(participant.identity, kind, null);
        }
      })
      .on(RoomEvent.Disconnected, (reason) => {
        if (this.room !== room || this.timer !== null) return;
        // The socket will say more of these; only if it does not, it was a mistake.
        const ends = [DisconnectReason.DUPLICATE_IDENTITY, DisconnectReason.PARTICIPANT_REMOVED, DisconnectReason.ROOM_DELETED];
        if (room.localParticipant.sid) this.#lost(room, ends.includes(reason) ? DELAYS.length : 0);
      });
  }

  /** Try anew, after a while. */
  #lost(room, tries) {
    room.removeAllListeners();
    // A try that fails late is told of twice.
    if (this.over || this.room !== room || this.timer !== null) return;
    for (const [id, tracks] of this.heard) for (const kind of Object.keys(tracks)) this.#take(id, kind, null);
    this.heard.clear();
    for (const id of this.people) this.hears.link(id, "lost");
    this.tries = tries + 1;
    this.timer = setTimeout(() => this.#connect(), DELAYS[Math.min(tries, DELAYS.length - 1)]);
  }

  #take(id, kind, track) {
    if (!kind) return;
    this.heard.set(id, { ...this.heard.get(id), [kind]: track });
    if (this.people.has(id)) this.hears.track(id, kind, track);
  }

  #link(id) {
    if (!this.people.has(id)) return;
    const is = this.room?.state === "connected" && this.room.remoteParticipants.has(id);
    this.hears.link(id, is ? "connected" : this.room?.state === "connected" ? "connecting" : "lost");
  }

  /** Bring what is sent in accord with what is to be: one at a time of each kind. */
  async #settle(kind) {
    if (this.busy.has(kind)) return;
    this.busy.add(kind);
    try {
      while (await this.#step(kind)) {
        // The wish may have changed meanwhile.
      }
    } catch (error) {
      console.warn("a track could not be sent:", error.message); // the next change tries again
    } finally {
      this.busy.delete(kind);
    }
  }

  /** One step; false when nothing is left to do. */
  async #step(kind) {
    const room = this.room;
    if (this.over || room?.state !== "connected") return false;
    const me = room.localParticipant;
    const wanted = this.tracks[kind];
    const sent = me.getTrackPublication(SOURCES[kind]);
    if (sent && sent.track?.mediaStreamTrack !== wanted) {
      await me.unpublishTrack(sent.track, false);
      return true;
    }
    if (!wanted) return false;
    if (!sent) {
      await me.publishTrack(wanted, { source: SOURCES[kind], name: kind });
      return true;
    }
    // Whoever muted it, here or at the server, our own switch is what holds.
    if (sent.isMuted !== wanted.enabled) return false;
    await (wanted.enabled ? sent.unmute() : sent.mute());
    return false;
  }

  /** Ask for pictures no larger than they are shown. */
  #size() {
    const others = this.people.size;
    const quality = others <= FEW ? VideoQuality.HIGH : others <= SOME ? VideoQuality.MEDIUM : VideoQuality.LOW;
    for (const participant of this.room?.remoteParticipants.values() ?? []) {
      participant.getTrackPublication(Track.Source.Camera)?.setVideoQuality?.(quality);
    }
  }
}
