/**
 * Everybody connected with everybody, browser to browser; the server passes on what they agree.
 *
 * All four tracks have their place in the first offer, so turning one on or off agrees nothing anew.
 * Offers that cross are settled by ids (the smaller one gives way). A connection has a name, drawn by
 * whoever begins it: a page that was loaded anew is told from the one before.
 */

const KINDS = ["microphone", "camera", "screen", "screen_sound"];
const UNANSWERED = 10_000; // milliseconds until a connection that does not come about is begun anew
const FALTERS = 3_000; // milliseconds that a connection may falter
const CAMERA_BITS = 1_500_000; // a second, for all who look at our camera together
const LEAST_BITS = 150_000;
const SCREEN_BITS = 1_200_000; // a second, for each

export class Mesh {
  constructor(media, hears) {
    this.hears = hears;
    this.media = media;
    this.peers = new Map();
    this.tracks = Object.fromEntries(KINDS.map((kind) => [kind, null]));
  }

  /** The server's own word on how to connect may have changed; what failed is mended. */
  update(media) {
    this.media = media;
    for (const peer of this.peers.values()) peer.mend();
  }

  /** Connect, or wait for the other to do so. */
  came(id, first) {
    if (this.peers.has(id)) return;
    this.peers.set(id, new Peer(this, id));
    if (first) this.peers.get(id).begin();
    this.#share();
  }

  /** End the connection with somebody. */
  gone(id) {
    this.peers.get(id)?.close();
    this.peers.delete(id);
    this.#share();
  }

  /** What the other end sent. */
  signal(from, data) {
    this.peers.get(from)?.heard(data).catch((error) => console.warn("a signal was of no use:", error.message));
  }

  /** Send a track to everybody. */
  publish(kind, track) {
    this.tracks[kind] = track;
    for (const peer of this.peers.values()) peer.publish(kind, track);
  }

  /** End all connections. */
  close() {
    for (const peer of this.peers.values()) peer.close();
    this.peers.clear();
  }

  /** Everybody gets their part of what a line usually carries. */
  #share() {
    for (const peer of this.peers.values()) peer.limit();
  }

  get cameraBits() {
    return Math.max(LEAST_BITS, CAMERA_BITS / Math.max(1, this.peers.size));
  }
}

/** One other person. */
class Peer {
  constructor(mesh, id) {
    this.mesh = mesh;
    this.id = id;
    this.polite = mesh.hears.you < id;
    this.connection = null;
    this.name = "";
    this.offering = false;
    this.ignoring = false;
    this.timer = null;
    this.asking = null;
    this.state = "";
    this.#tell("connecting");
    this.#watch();
  }

  /** Make a connection of our own. */
  begin() {
    this.#open(crypto.randomUUID());
    for (const kind of KINDS) {
      this.connection.addTransceiver(kind === "camera" || kind === "screen" ? "video" : "audio");
    }
    this.#dress();
  }

  /** After a time without the server: what has no answer is asked again, what failed is mended. */
  mend() {
    const connection = this.connection;
    connection?.setConfiguration(this.#settings);
    if (connection === null) {
      this.begin();
    } else if (connection.signalingState === "have-local-offer") {
      this.#send({ description: connection.localDescription });
    } else if (connection.connectionState !== "connected") {
      connection.restartIce();
      this.#watch();
    }
  }

  async heard(data) {
    const { pc } = data.description ?? data.candidate;
    if (pc !== this.name) {
      if (data.description?.type !== "offer") return;
      // Both began: the one who gives way takes the other's; the other says theirs once more, for
      // the first time may have been lost.
      const unanswered = this.connection?.signalingState === "have-local-offer" && !this.#isAgreed;
      if (unanswered && !this.polite) {
        this.#send({ description: this.connection.localDescription });
        return;
      }
      this.#open(pc);
    }
    const connection = this.connection;
    if (data.description) {
      const crossed =
        data.description.type === "offer" && (this.offering || connection.signalingState !== "stable");
      this.ignoring = crossed && !this.polite;
      if (this.ignoring) return;
      try {
        await connection.setRemoteDescription(data.description);
      } catch (error) {
        // Browsers of two makes do not always agree anew on what they have; on a new one they do.
        if (this.connection === connection && connection.signalingState === "have-local-offer") this.begin();
        throw error;
      }
      if (this.connection !== connection) return;
      if (data.description.type === "offer") {
        this.#dress();
        await connection.setLocalDescription();
        if (this.connection === connection) this.#send({ description: connection.localDescription });
      }
    } else {
      try {
        await connection.addIceCandidate(data.candidate);
      } catch (error) {
        if (!this.ignoring) throw error;
      }
    }
  }

  publish(kind, track) {
    const place = this.connection?.getTransceivers()[KINDS.indexOf(kind)];
    place?.sender.replaceTrack(track).catch(() => {}); // the connection was closed meanwhile
    this.limit();
  }

  /** Hold what is sent to our part of the line. */
  limit() {
    for (const [kind, bits] of [["camera", this.mesh.cameraBits], ["screen", SCREEN_BITS]]) {
      const sender = this.connection?.getTransceivers()[KINDS.indexOf(kind)]?.sender;
      const parameters = sender?.getParameters();
      if (!parameters?.encodings?.length || parameters.encodings[0].maxBitrate === bits) continue;
      parameters.encodings[0].maxBitrate = bits;
      sender.setParameters(parameters).catch(() => {}); // not agreed yet: the next time will do
    }
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.asking);
    if (this.connection === null) return;
    const connection = this.connection;
    this.connection = null;
    connection.onnegotiationneeded = connection.onicecandidate = null;
    connection.ontrack = connection.onconnectionstatechange = null;
    connection.close();
  }

  get #settings() {
    return { iceServers: this.mesh.media.ice_servers, bundlePolicy: "max-bundle" };
  }

  get #isAgreed() {
    return this.connection.currentRemoteDescription !== null;
  }

  #open(name) {
    this.close();
    this.name = name;
    this.offering = false;
    const connection = new RTCPeerConnection(this.#settings);
    this.connection = connection;
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && this.#send({ candidate });
    connection.onnegotiationneeded = () => this.#offer(connection);
    connection.onconnectionstatechange = () => this.#moved(connection);
    connection.ontrack = ({ transceiver, track }) => {
      const kind = KINDS[connection.getTransceivers().indexOf(transceiver)];
      if (kind) this.mesh.hears.track(this.id, kind, track);
    };
    this.#tell("connecting");
    this.#watch();
  }

  /** Give every place what we send there, be it nothing for now. */
  #dress() {
    const places = this.connection.getTransceivers();
    for (const [place, kind] of KINDS.entries()) {
      if (!places[place]) continue;
      places[place].direction = "sendrecv";
      places[place].sender.replaceTrack(this.mesh.tracks[kind]).catch(() => {});
    }
  }

  async #offer(connection) {
    try {
      this.offering = true;
      await connection.setLocalDescription();
      if (this.connection === connection) this.#ask(connection);
    } catch (error) {
      console.warn("an offer did not come about:", error.message);
    } finally {
      this.offering = false;
    }
  }

  /** Send our offer, and again while it has no answer: one may be lost though we are connected. */
  #ask(connection) {
    this.#send({ description: connection.localDescription });
    clearTimeout(this.asking);
    this.asking = setTimeout(() => {
      const waits = this.connection === connection && connection.signalingState === "have-local-offer";
      if (waits) this.#ask(connection);
    }, UNANSWERED);
  }

  #moved(connection) {
    const state = connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.timer);
      this.#tell("connected");
      this.limit();
    } else if (state === "failed") {
      this.#tell("lost");
      connection.restartIce();
      this.#watch();
    } else if (state === "disconnected") {
      this.#tell("lost");
      // It often comes back by itself.
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.mend(), FALTERS);
    }
  }

  /** Begin anew if it does not come about: whoever does not give way, so that only one does. */
  #watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.connection?.connectionState === "connected") return;
      if (this.polite && this.connection?.signalingState !== "have-local-offer") this.#watch();
      else this.begin();
    }, UNANSWERED);
  }

  #send(data) {
    const [[what, said]] = Object.entries(data);
    this.mesh.hears.send(this.id, { [what]: { ...said.toJSON(), pc: this.name } });
  }

  #tell(state) {
    if (this.state === state) return;
    this.state = state;
    this.mesh.hears.link(this.id, state);
  }
}
