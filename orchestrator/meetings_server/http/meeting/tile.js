/** What one person sends, as the others see it: a tile with a picture, and the sound behind it. */

import { h, hueOf, icon, initials } from "./dom.js";
import { listenTo } from "./levels.js";
import { say } from "./texts.js";

/** Plays a sound. `blocked` hears when the browser holds it back. */
class Sound {
  constructor(blocked) {
    this.blocked = blocked;
    this.element = h("audio", { autoplay: true });
  }

  play(track) {
    this.element.srcObject = track ? new MediaStream([track]) : null;
    if (track) this.resume();
  }

  resume() {
    this.element.play().catch((error) => {
      if (error.name === "NotAllowedError") this.blocked();
    });
  }

  speaker(id) {
    this.element.setSinkId?.(id).catch(() => {}); // the one that was chosen is not there: the usual one
  }
}

/** A person in the meeting. */
export class Tile {
  /**
   * @param {object} person as the server tells it
   * @param {{own: boolean, blocked: () => void}} given
   */
  constructor(person, { own, blocked }) {
    this.own = own;
    this.person = person;
    this.tracks = {};
    this.link = own ? "connected" : "connecting";
    this.stopListening = null;

    this.video = moving();
    this.avatar = h("div", { class: "avatar", "aria-hidden": "true" });
    this.avatar.style.setProperty("--hue", hueOf(person.id));
    this.status = h("span", { class: "tile-status" });
    this.caption = h("div", { class: "caption" });
    this.element = h("li", { class: `tile${own ? " is-own" : ""}`, "data-person": person.id }, this.avatar, this.video, this.status, this.caption);

    this.screenVideo = moving();
    this.screenCaption = h("div", { class: "caption" });
    this.screen = h("li", { class: "tile is-screen", "data-screen": person.id }, this.screenVideo, this.screenCaption);

    this.voice = new Sound(blocked);
    this.screenSound = new Sound(blocked);
    this.update(person);
  }

  /** Whether a screen is to be seen. */
  get sharing() {
    return this.person.screen && Boolean(this.tracks.screen);
  }

  /** What the server tells of the person. */
  update(person) {
    this.person = person;
    const { name, role, microphone, screen } = person;
    this.avatar.textContent = initials(name);
    const shown = this.own ? `${name} (${say("you")})` : name;
    this.caption.replaceChildren(
      ...(microphone ? [] : [h("span", { class: "muted" }, icon("microphone-off"), h("span", { class: "unseen" }, say("microphoneOff")))]),
      h("bdi", {}, shown),
      ...(role === "host" ? [h("span", { class: "badge" }, say("host"))] : []),
    );
    this.screenCaption.replaceChildren(icon("screen"), h("bdi", {}, this.own ? say("shareYours") : say("shareOf", { name })));
    this.screenVideo.setAttribute("aria-label", say("shareOf", { name }));
    this.video.setAttribute("aria-label", name);
    this.element.classList.toggle("has-picture", this.#pictured);
    if (!microphone) this.element.classList.remove("is-speaking");
    if (!screen) this.screenVideo.srcObject = null;
    else this.#see(this.screenVideo, this.tracks.screen);
    this.#see(this.video, this.#pictured ? this.tracks.camera : null);
  }

  /** How the connection with the person is. */
  linked(state) {
    this.link = state;
    const words = { connecting: say("linkConnecting"), lost: say("linkLost"), connected: "" }[state];
    this.status.textContent = words;
    this.element.classList.toggle("is-apart", state !== "connected");
  }

  /** What the person sends, or null. */
  take(kind, track) {
    this.tracks[kind] = track;
    if (!this.own && kind === "microphone") this.voice.play(track);
    if (!this.own && kind === "screen_sound") this.screenSound.play(track);
    if (kind === "microphone") {
      this.stopListening?.();
      this.stopListening = track && listenTo(track, (_, speaks) => this.element.classList.toggle("is-speaking", speaks && this.person.microphone));
    }
    this.update(this.person);
  }

  /** Play what the browser held back. */
  resume() {
    this.voice.resume();
    this.screenSound.resume();
  }

  speaker(id) {
    this.voice.speaker(id);
    this.screenSound.speaker(id);
  }

  close() {
    this.stopListening?.();
    this.voice.play(null);
    this.screenSound.play(null);
    this.video.srcObject = this.screenVideo.srcObject = null;
    this.element.remove();
    this.screen.remove();
  }

  get #pictured() {
    return this.person.camera && Boolean(this.tracks.camera);
  }

  #see(video, track) {
    const now = video.srcObject?.getTracks()[0] ?? null;
    if (now !== (track ?? null)) video.srcObject = track ? new MediaStream([track]) : null;
  }
}

function moving() {
  const video = h("video", { playsinline: true, autoplay: true, muted: true });
  video.muted = true; // the sound comes from elsewhere, and a silent picture may always play
  return video;
}
