/**
 * This person's microphone, camera and screen.
 *
 * A muted microphone stays open and sends silence, so that it is back at once; a stopped camera is
 * given back, so that its light goes out.
 */

import { remember, remembered } from "./memory.js";

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24, max: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Why there is no device, as the texts have it: denied, missing, taken, or insecure. */
function problemOf(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "missing";
  return "taken";
}

function wished(kind, exact) {
  const id = exact ? remembered(kind) : "";
  const chosen = id ? { deviceId: { exact: id } } : {};
  return { ...(kind === "camera" ? PICTURE : SOUND), ...chosen };
}

/** What this person sends, and what became of asking for it. */
export class Devices extends EventTarget {
  constructor() {
    super();
    this.tracks = { microphone: null, camera: null, screen: null, screen_sound: null };
    this.problems = { microphone: "", camera: "" };
    /** What is to be on; a track may be missing all the same. */
    this.on = { microphone: true, camera: true };
    /** Given back: what the browser hands out only now is given back as well. */
    this.closed = false;
  }

  get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get canShare() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
  }

  /** What the others are told. */
  get state() {
    return {
      microphone: this.tracks.microphone !== null && this.on.microphone,
      camera: this.tracks.camera !== null && this.on.camera,
      screen: this.tracks.screen !== null,
    };
  }

  /** Ask for what is to be on, both at once so that the browser asks once. */
  async open() {
    if (!this.possible) {
      this.problems = { microphone: "insecure", camera: "insecure" };
      this.#changed("camera");
      return;
    }
    navigator.mediaDevices.ondevicechange = () => this.dispatchEvent(new Event("devices"));
    if (this.on.camera) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia({
          audio: wished("microphone", true),
          video: wished("camera", true),
        });
        this.problems = { microphone: "", camera: "" };
        this.#take("microphone", stream.getAudioTracks()[0]);
        this.#takeCamera(stream.getVideoTracks()[0]);
        return;
      } catch {
        // One of them may be had without the other.
      }
    }
    await this.#acquire("microphone");
    if (this.on.camera) await this.#acquire("camera");
  }

  /** Turn microphone or camera on or off. */
  async turn(kind, on) {
    this.on[kind] = on;
    const track = this.tracks[kind];
    if (kind === "microphone") {
      if (track) track.enabled = on;
      else if (on && this.possible) await this.#acquire(kind);
    } else if (!on) {
      this.#take(kind, null);
    } else if (!track && this.possible) {
      await this.#acquire(kind);
    }
    this.#changed(kind);
  }

  /** Take this device from now on. */
  async choose(kind, id) {
    remember(kind, id);
    if (kind === "microphone" || this.on.camera) {
      this.#take(kind, null, { silent: true });
      await this.#acquire(kind);
    }
  }

  /** Show a screen; false when the person thought better of it. */
  async share() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: true });
    } catch {
      return false;
    }
    const [picture] = stream.getVideoTracks();
    picture.contentHint = "detail";
    // The browser has a button of its own that ends it.
    picture.addEventListener("ended", () => this.tracks.screen === picture && this.shareNoMore());
    this.#take("screen_sound", stream.getAudioTracks()[0] ?? null);
    this.#take("screen", picture);
    return true;
  }

  /** Show the screen no more. */
  shareNoMore() {
    this.#take("screen_sound", null);
    this.#take("screen", null);
  }

  /** The devices of this machine: `{microphone, camera, speaker}`, each a list. */
  async list() {
    if (!this.possible) return { microphone: [], camera: [], speaker: [] };
    const all = await navigator.mediaDevices.enumerateDevices();
    const of = (kind) => all.filter((one) => one.kind === kind && one.deviceId);
    return { microphone: of("audioinput"), camera: of("videoinput"), speaker: of("audiooutput") };
  }

  /** Give everything back. */
  close() {
    this.closed = true;
    for (const kind of Object.keys(this.tracks)) this.#take(kind, null);
    if (this.possible) navigator.mediaDevices.ondevicechange = null;
  }

  async #acquire(kind) {
    const asked = kind === "camera" ? "video" : "audio";
    try {
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ [asked]: wished(kind, true) });
      } catch (error) {
        // The one that was chosen may be at home; any other will do.
        if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error;
        stream = await navigator.mediaDevices.getUserMedia({ [asked]: wished(kind, false) });
      }
      this.problems[kind] = "";
      const [track] = stream.getTracks();
      if (kind === "camera") this.#takeCamera(track);
      else this.#take(kind, track);
    } catch (error) {
      this.problems[kind] = problemOf(error);
      this.#take(kind, null);
    }
  }

  /** Somebody may have turned it off while the browser asked. */
  #takeCamera(track) {
    if (this.on.camera) this.#take("camera", track);
    else track?.stop();
  }

  #take(kind, track, { silent = false } = {}) {
    if (track && this.closed) {
      track.stop();
      return;
    }
    const before = this.tracks[kind];
    if (before && before !== track) before.stop();
    this.tracks[kind] = track ?? null;
    if (track && kind === "microphone") track.enabled = this.on.microphone;
    if (track && (kind === "microphone" || kind === "camera")) {
      track.addEventListener("ended", () => {
        if (this.tracks[kind] !== track) return;
        this.problems[kind] = "missing"; // it was unplugged
        this.#take(kind, null);
      });
    }
    if (!silent) this.#changed(kind);
  }

  #changed(kind) {
    this.dispatchEvent(new CustomEvent("change", { detail: kind }));
  }
}
