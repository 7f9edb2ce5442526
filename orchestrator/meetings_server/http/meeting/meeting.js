/**
 * The meeting itself: everybody's tiles, what one can do, and what is told.
 *
 * It shows what the server says and nothing that it does not: who is in, who is host, whose camera
 * is on. What a host's button does, the server allows or not.
 */

import { Chat } from "./chat.js";
import { deviceChoice } from "./choosing.js";
import { clockOf, h, icon, iconButton, relabel } from "./dom.js";
import { fit } from "./grid.js";
import { openMedium } from "./media.js";
import { remember, remembered } from "./memory.js";
import { People } from "./people.js";
import { say } from "./texts.js";
import { Tile } from "./tile.js";

const NOTICE_STAYS = 6000; // milliseconds
const GAP = 8; // pixels between tiles
const STRIP = 168; // pixels of the strip of tiles beside a screen

export class Meeting {
  /**
   * @param {Element} main
   * @param {object} page what the server told of the room
   * @param {Devices} devices
   * @param {{send: (frame: object) => boolean, leave: () => void}} act
   */
  constructor(main, page, devices, act) {
    this.page = page;
    this.devices = devices;
    this.act = act;
    this.you = "";
    this.role = "guest";
    this.people = new Map();
    this.tiles = new Map();
    this.knocking = new Map();
    this.medium = null;
    this.opening = null;
    this.recordingSince = null;
    this.panel = "";
    this.#build(main);
    this.onChange = ({ detail }) => this.#changedDevice(detail);
    devices.addEventListener("change", this.onChange);
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
    this.onSeen = () => this.#stayAwake();
    document.addEventListener("visibilitychange", this.onSeen);
    this.timer = setInterval(() => this.#tick(), 1000);
    this.#stayAwake();
  }

  // --- what the server says ----------------------------------------------------------------------

  /** We are in, or in again. */
  async welcome(frame) {
    const again = this.you === frame.you;
    this.you = frame.you;
    this.role = frame.role;
    this.features = frame.room.features;
    this.canRecord = frame.recording.can;
    this.most = frame.media.most;
    this.meshed = frame.media.kind === "mesh";
    this.lost("");
    if (again) this.notice(say("back"));
    const here = new Map(frame.people.map((person) => [person.id, person]));
    if (!again && this.medium) {
      // Somebody else to the others: nothing of before holds.
      for (const id of [...this.people.keys()]) this.#left(id, { silent: true });
      this.medium.close();
      this.medium = null;
    }
    for (const id of [...this.people.keys()]) if (!here.has(id)) this.#left(id, { silent: !again });
    for (const person of here.values()) this.#put(person);
    this.knocking = new Map((frame.waiting ?? []).map((one) => [one.id, one]));
    this.chat.take(frame.chat);
    // Since when, by the server's clock: ours, if we saw it begin, is the better one here.
    const since = this.recordingSince ?? Date.parse(frame.recording.since);
    this.#recording(frame.recording.on, since, { silent: again });
    this.chatButton.hidden = !this.features.chat;
    if (!this.features.chat && this.panel === "chat") this.#togglePanel("chat");
    this.recordButton.hidden = !(this.isHost && this.canRecord && this.features.recording);
    this.meshNote.textContent = this.meshed ? say("mesh", { most: this.most }) : "";
    this.meshNote.hidden = !this.meshed;
    this.act.send({ type: "state", ...this.devices.state });
    this.#refresh();
    if (this.medium) {
      this.medium.update(frame.media);
      for (const id of here.keys()) if (id !== this.you) this.medium.came(id, true);
      return;
    }
    const standIn = new Later();
    this.medium = standIn;
    let medium;
    try {
      medium = await openMedium(frame.media, {
        you: this.you,
        send: (to, data) => this.act.send({ type: "signal", to, data }),
        track: (id, kind, track) => {
          this.tiles.get(id)?.take(kind, track);
          this.#layOut();
        },
        link: (id, state) => this.tiles.get(id)?.linked(state),
      });
    } catch (error) {
      console.error("the medium cannot be opened:", error.message);
      if (this.medium !== standIn) return;
      this.medium = null; // and is tried again when we are let in again
      this.lost(say("noMedium"));
      return;
    }
    if (this.medium !== standIn) {
      medium.close(); // it was all over meanwhile
      return;
    }
    this.medium = medium;
    for (const [kind, track] of Object.entries(this.devices.tracks)) medium.publish(kind, track);
    for (const id of here.keys()) if (id !== this.you) medium.came(id, true);
    standIn.pass(medium);
  }

  /** Anything else. */
  heard(frame) {
    switch (frame.type) {
      case "joined":
        this.#put(frame.person);
        this.medium?.came(frame.person.id, false);
        this.notice(say("joined", frame.person));
        break;
      case "left":
        this.#left(frame.id);
        break;
      case "changed":
        this.#put(frame.person);
        break;
      case "knock":
        this.knocking.set(frame.id, { id: frame.id, name: frame.name });
        break;
      case "knock_ended":
        this.knocking.delete(frame.id);
        break;
      case "chat":
        for (const message of this.chat.take([frame.message])) {
          if (this.panel !== "chat") this.notice(say("said", message));
        }
        break;
      case "signal":
        this.medium?.signal(frame.from, frame.data);
        return; // there are many, and none is to be seen
      case "media":
        this.medium?.update(frame.media);
        break;
      case "mute":
        this.#mutedByHost(frame.kind);
        break;
      case "recording":
        this.#recording(frame.on, Date.now());
        break;
      case "error":
        if (frame.code === "too_fast") this.chat.refused();
        if (say(`errors.${frame.code}`)) this.notice(say(`errors.${frame.code}`));
        break;
    }
    this.#refresh();
  }

  /** There is no connection, in these words; none: there is one. */
  lost(words) {
    this.lostBar.textContent = words;
    this.lostBar.hidden = !words;
  }

  close() {
    clearInterval(this.timer);
    this.observer.disconnect();
    this.devices.removeEventListener("change", this.onChange);
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("visibilitychange", this.onSeen);
    this.wake?.release().catch(() => {});
    for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
    this.medium?.close();
    this.medium = null;
    for (const tile of this.tiles.values()) tile.close();
    document.body.classList.remove("in-meeting");
  }

  get isHost() {
    return this.role === "host";
  }

  /** Say something that passes, to be seen and to be heard. */
  notice(words) {
    const one = h("p", { class: "notice" }, words);
    this.notices.append(one);
    while (this.notices.children.length > 3) this.notices.firstChild.remove();
    setTimeout(() => one.remove(), NOTICE_STAYS);
  }

  // --- people ------------------------------------------------------------------------------------

  #put(given) {
    const own = given.id === this.you;
    const person = own ? { ...given, ...this.devices.state } : given;
    this.people.set(person.id, person);
    const tile = this.tiles.get(person.id);
    if (tile) {
      tile.update(person);
      return;
    }
    const made = new Tile(person, { own, blocked: () => this.#blocked() });
    made.speaker(remembered("speaker"));
    this.tiles.set(person.id, made);
    if (own) {
      made.take("microphone", this.devices.tracks.microphone);
      made.take("camera", this.devices.tracks.camera);
      made.take("screen", this.devices.tracks.screen);
    }
  }

  #left(id, { silent = false } = {}) {
    const person = this.people.get(id);
    this.people.delete(id);
    this.tiles.get(id)?.close();
    this.tiles.delete(id);
    this.medium?.gone(id);
    if (person && !silent) this.notice(say("left", person));
  }

  // --- this person's devices ---------------------------------------------------------------------

  #changedDevice(kind) {
    this.medium?.publish(kind, this.devices.tracks[kind]);
    const tile = this.tiles.get(this.you);
    if (tile) {
      const person = { ...tile.person, ...this.devices.state };
      this.people.set(this.you, person);
      tile.update(person);
      tile.take(kind, this.devices.tracks[kind]);
    }
    this.act.send({ type: "state", ...this.devices.state });
    this.#refresh();
  }

  async #turn(kind) {
    const on = !this.devices.state[kind];
    await this.devices.turn(kind, on);
    const problem = this.devices.problems[kind];
    if (on && !this.devices.state[kind] && problem) {
      this.notice(problem === "insecure" ? say("insecure") : say(`${problem}.${kind}`));
    } else if (kind === "microphone") {
      this.spoken.textContent = say(this.devices.state.microphone ? "youAreHeard" : "youAreMuted");
    }
  }

  #mutedByHost(kind) {
    if (kind === "screen") this.devices.shareNoMore();
    else this.devices.turn(kind, false);
    this.notice(say({ microphone: "mutedByHost", camera: "cameraByHost", screen: "screenByHost" }[kind]));
  }

  async #share() {
    if (this.devices.tracks.screen) this.devices.shareNoMore();
    else await this.devices.share();
  }

  #blocked() {
    this.soundBar.hidden = false;
  }

  // --- recording ---------------------------------------------------------------------------------

  #recording(on, since, { silent = false } = {}) {
    const was = this.recorded ?? false;
    this.recorded = on;
    this.recordingSince = on ? since : null;
    this.recordMark.hidden = !on;
    if (on !== was && !silent) this.notice(say(on ? "recorded" : "recordedNoMore"));
    this.#tick();
  }

  #tick() {
    this.recordTime.textContent = this.recordingSince === null ? "" : clockOf(Date.now() - this.recordingSince);
  }

  // --- what is seen ------------------------------------------------------------------------------

  #build(main) {
    document.body.classList.add("in-meeting");
    this.recordTime = h("span", { class: "record-time" });
    this.recordMark = h("span", { class: "record-mark", hidden: true }, h("span", { class: "record-dot", "aria-hidden": "true" }), say("recording"), " ", this.recordTime);
    this.lostBar = h("p", { class: "lost-bar", role: "alert", hidden: true });
    this.soundBar = h("div", { class: "sound-bar", role: "alert", hidden: true }, h("span", {}, say("soundBlocked")),
      h("button", { type: "button", class: "small primary", on: { click: () => this.#sound() } }, say("soundOn")));
    this.notices = h("div", { class: "notices", role: "status", "aria-live": "polite" });
    this.spoken = h("p", { class: "unseen", role: "status" });
    this.knocks = h("div", { class: "knocks", role: "status", "aria-live": "polite" });
    this.featured = h("ul", { class: "featured", hidden: true });
    this.grid = h("ul", { class: "tiles", "aria-label": say("stage") });
    this.alone = h("div", { class: "alone", hidden: true }, h("p", {}, say("alone")), this.#copyButton());
    this.stage = h("section", { class: "stage", "aria-label": say("stage") }, this.featured, this.grid, this.alone);

    this.chat = new Chat({
      you: () => this.you,
      unread: () => this.#refresh(),
      send: (text) => {
        const sent = this.act.send({ type: "chat", text });
        if (!sent) this.notice(say("notSent"));
        return sent;
      },
    });
    this.meshNote = h("p", { class: "quiet", hidden: true });
    this.persons = new People(
      {
        you: () => this.you,
        isHost: () => this.isHost,
        admit: (id) => this.act.send({ type: "admit", id }),
        deny: (id) => this.act.send({ type: "deny", id }),
        mute: (id, kind) => this.act.send({ type: "mute", id, kind }),
        remove: (person) => this.#askRemove(person),
      },
      h("div", { class: "people-below" }, this.#copyButton(), this.meshNote),
    );
    this.panelTitle = h("h2", { tabindex: "-1" });
    this.panelBody = h("div", { class: "panel-body" });
    const closePanel = iconButton("close", say("close"), { class: "bare", on: { click: () => this.#togglePanel(this.panel) } });
    this.panelElement = h("aside", { class: "panel", id: "panel", hidden: true, "aria-label": say("people") }, h("div", { class: "panel-head" }, this.panelTitle, closePanel), this.panelBody);

    const tool = (name, label, click, given = {}) => iconButton(name, say(label), { on: { click }, ...given });
    this.microphoneButton = tool("microphone", "muteSelf", () => this.#turn("microphone"), { id: "tool-microphone" });
    this.cameraButton = tool("camera", "cameraStop", () => this.#turn("camera"), { id: "tool-camera" });
    this.shareButton = tool("screen", "share", () => this.#share(), { id: "tool-share", hidden: !this.devices.canShare });
    const opens = { "aria-expanded": "false", "aria-controls": "panel" };
    this.chatButton = tool("chat", "chat", () => this.#togglePanel("chat"), { id: "tool-chat", ...opens });
    this.peopleButton = tool("people", "people", () => this.#togglePanel("people"), { id: "tool-people", ...opens });
    this.recordButton = tool("record", "record", () => this.act.send({ type: "record", on: !this.recorded }), { id: "tool-record", hidden: true });
    const settings = tool("settings", "settings", () => this.#settings(), { id: "tool-settings" });
    const leave = tool("leave", "leave", () => this.#leave(), { id: "tool-leave", class: "danger" });
    this.chatCount = h("span", { class: "count", "aria-hidden": "true", hidden: true });
    this.chatButton.append(this.chatCount);
    this.peopleCount = h("span", { class: "count is-quiet", "aria-hidden": "true", hidden: true });
    this.peopleButton.append(this.peopleCount);

    this.element = h("div", { class: "meeting" },
      h("div", { class: "top" }, h("h1", {}, h("bdi", {}, this.page.room)), this.recordMark),
      this.lostBar, this.soundBar,
      h("div", { class: "body" }, this.stage, this.panelElement),
      h("div", { class: "overlay" }, this.knocks, this.notices),
      this.spoken,
      h("div", { class: "tools", role: "group", "aria-label": say("tools") },
        this.microphoneButton, this.cameraButton, this.shareButton,
        this.chatButton, this.peopleButton, this.recordButton, settings, leave));
    main.replaceChildren(this.element);
    const heading = this.element.querySelector("h1");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    this.observer = new ResizeObserver(() => this.#layOut());
    this.observer.observe(this.stage);
  }

  #refresh() {
    const { state } = this.devices;
    relabel(this.microphoneButton, state.microphone ? "microphone" : "microphone-off", say(state.microphone ? "muteSelf" : "unmuteSelf"));
    this.microphoneButton.classList.toggle("is-off", !state.microphone);
    relabel(this.cameraButton, state.camera ? "camera" : "camera-off", say(state.camera ? "cameraStop" : "cameraStart"));
    this.cameraButton.classList.toggle("is-off", !state.camera);
    relabel(this.shareButton, "screen", say(state.screen ? "shareStop" : "share"));
    this.shareButton.classList.toggle("is-on", state.screen);
    relabel(this.recordButton, "record", say(this.recorded ? "recordStop" : "record"));
    this.recordButton.classList.toggle("is-on", Boolean(this.recorded));
    const { unread } = this.chat;
    relabel(this.chatButton, "chat", unread ? say("chatUnread", { count: unread }) : say("chat"));
    this.#short(this.chatButton, say("chat"));
    this.chatCount.hidden = unread === 0;
    this.chatCount.textContent = unread > 99 ? "99+" : String(unread);
    const count = this.people.size;
    const waiting = this.knocking.size;
    relabel(this.peopleButton, "people", waiting ? say("peopleWaiting", { count, waiting }) : say("peopleCount", { count }));
    this.#short(this.peopleButton, say("people"));
    this.peopleCount.hidden = false;
    this.peopleCount.textContent = waiting ? `${count}+${waiting}` : String(count);
    this.peopleCount.classList.toggle("is-quiet", waiting === 0);
    const ordered = [...this.people.values()];
    this.persons.update(ordered, [...this.knocking.values()]);
    this.#knockNotice();
    this.#layOut();
  }

  /** A short word under the picture; those who hear it hear the long one. */
  #short(button, words) {
    button.setAttribute("aria-label", button.title);
    button.querySelector(".label").textContent = words;
  }

  #knockNotice() {
    const all = [...this.knocking.values()];
    const first = all[0];
    // The list of people has them with their buttons.
    const signature = first && this.panel !== "people" ? `${first.id} ${all.length}` : "";
    if (this.knocks.dataset.signature === signature) return;
    this.knocks.dataset.signature = signature;
    if (!signature) {
      this.knocks.replaceChildren();
      return;
    }
    const words = all.length > 1 ? say("knocksMore", { name: first.name, count: all.length - 1 }) : say("knocks", first);
    this.knocks.replaceChildren(h("div", { class: "knock" }, h("p", {}, words),
      h("div", { class: "row-acts" },
        h("button", { type: "button", class: "small primary", "aria-label": say("letInName", first), on: { click: () => this.act.send({ type: "admit", id: first.id }) } }, say("letIn")),
        h("button", { type: "button", class: "small plain", "aria-label": say("denyName", first), on: { click: () => this.act.send({ type: "deny", id: first.id }) } }, say("deny")))));
  }

  #layOut() {
    const tiles = [...this.tiles.values()];
    const screens = tiles.filter((tile) => tile.sharing);
    const featured = screens.find((tile) => !tile.own) ?? screens[0] ?? null;
    const ordered = [...tiles.filter((tile) => !tile.own), ...tiles.filter((tile) => tile.own)];
    const shown = [...screens.filter((tile) => tile !== featured).map((tile) => tile.screen), ...ordered.map((tile) => tile.element)];
    for (const tile of tiles) if (!tile.sharing) tile.screen.remove();
    place(this.featured, featured ? [featured.screen] : []);
    place(this.grid, shown);
    this.featured.hidden = !featured;
    this.stage.classList.toggle("is-shared", featured !== null);
    this.alone.hidden = this.people.size !== 1 || this.panel !== "";
    const box = this.stage.getBoundingClientRect();
    const tall = box.height > box.width;
    this.stage.classList.toggle("is-tall", tall);
    if (featured) {
      this.#scrolls(true);
      this.grid.style.setProperty("--tile-width", `${STRIP}px`);
      this.grid.style.setProperty("--tile-height", `${Math.round((STRIP * 9) / 16)}px`);
      return;
    }
    const style = getComputedStyle(this.stage);
    const width = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = box.height - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const best = fit(shown.length, width, height, GAP);
    this.#scrolls(best.scrolls);
    this.grid.style.setProperty("--tile-width", `${best.width}px`);
    this.grid.style.setProperty("--tile-height", `${best.height}px`);
    this.grid.style.setProperty("--columns", best.columns);
  }

  /** A strip beside a screen, or more tiles than can be seen: by keys as well. */
  #scrolls(does) {
    this.grid.classList.toggle("scrolls", does);
    if (does) this.grid.tabIndex = 0;
    else this.grid.removeAttribute("tabindex");
  }

  #togglePanel(which) {
    const before = this.panel;
    this.panel = before === which ? "" : which;
    const button = { chat: this.chatButton, people: this.peopleButton };
    for (const [name, one] of Object.entries(button)) one.setAttribute("aria-expanded", String(this.panel === name));
    this.panelElement.hidden = !this.panel;
    this.element.classList.toggle("has-panel", Boolean(this.panel));
    if (this.panel) {
      const words = say(this.panel);
      this.panelTitle.textContent = words;
      this.panelElement.setAttribute("aria-label", words);
      this.panelBody.replaceChildren((this.panel === "chat" ? this.chat : this.persons).element);
      if (this.panel === "people") this.panelTitle.focus();
    } else {
      button[before]?.focus();
    }
    this.chat.shown(this.panel === "chat");
    this.#refresh();
  }

  #copyButton() {
    const address = `${location.origin}${this.page.base}/j/${this.page.link}`;
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(address);
        this.notice(say("copied"));
      } catch {
        this.#ask(say("copyThis"), address, []); // a browser that gives no clipboard shows it
      }
    };
    return h("button", { type: "button", class: "plain copy", on: { click: copy } }, say("copyLink"));
  }

  #sound() {
    this.soundBar.hidden = true;
    for (const tile of this.tiles.values()) tile.resume();
  }

  // --- questions ---------------------------------------------------------------------------------

  /** A question in the middle; the focus goes there and comes back. */
  #ask(title, words, answers, ...content) {
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
    const finish = () => dialog.close();
    dialog.append(
      h("h2", { id: "dialog-title" }, title),
      words ? h("p", {}, words) : "",
      ...content,
      h("div", { class: "dialog-acts" },
        ...answers.map(([label, kind, does]) =>
          h("button", { type: "button", class: kind, on: { click: () => { finish(); does(); } } }, label)),
        h("button", { type: "button", class: "plain", on: { click: finish } }, say(answers.length ? "cancel" : "close"))));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => event.target === dialog && finish());
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  }

  #leave() {
    const end = this.isHost ? [[say("endForAll"), "danger", () => this.act.send({ type: "end" })]] : [];
    if (!this.isHost) {
      this.act.leave();
      return;
    }
    this.#ask(say("leaveAsk"), say("leaveMore"), [[say("leave"), "primary", () => this.act.leave()], ...end]);
  }

  #askRemove(person) {
    this.#ask(say("removeAsk", person), say("removeMore", person), [[say("remove"), "danger", () => this.act.send({ type: "remove", id: person.id })]]);
  }

  #settings() {
    const choice = deviceChoice(this.devices, (id) => {
      for (const tile of this.tiles.values()) tile.speaker(id);
    });
    const keys = [["M", "keyMute"], ["V", "keyCamera"], ["S", "keyShare"], ["C", "keyChat"], ["P", "keyPeople"], ["?", "keyHelp"]];
    const single = h("input", { type: "checkbox", id: "single-keys", checked: remembered("keys") !== "off", on: { change: ({ target }) => remember("keys", target.checked ? "" : "off") } });
    const dialog = this.#ask(say("settings"), "", [], choice.element,
      h("h3", {}, say("shortcuts")),
      h("p", { class: "check" }, single, h("label", { for: "single-keys" }, say("shortcutsOn"))),
      h("dl", { class: "keys" }, keys.flatMap(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, say(words))])));
    dialog.addEventListener("close", () => choice.stop());
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Escape" && this.panel && !document.querySelector("dialog[open]")) {
      this.#togglePanel(this.panel);
      return;
    }
    if (remembered("keys") === "off" || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const acts = {
      m: () => this.#turn("microphone"),
      v: () => this.#turn("camera"),
      s: () => this.devices.canShare && this.#share(),
      c: () => this.features?.chat && this.#togglePanel("chat"),
      p: () => this.#togglePanel("people"),
      "?": () => this.#settings(),
    };
    const act = acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** A telephone's screen stays on while one looks at it. */
  async #stayAwake() {
    if (document.visibilityState !== "visible") return;
    this.wake = await navigator.wakeLock?.request("screen").catch(() => null);
  }
}

/** Stands where the medium will, and passes on what happens until it is there. */
class Later {
  #happened = [];

  pass(medium) {
    for (const [what, given] of this.#happened) medium[what](...given);
  }

  came(...given) {
    this.#happened.push(["came", given]);
  }

  gone(...given) {
    this.#happened.push(["gone", given]);
  }

  signal(...given) {
    this.#happened.push(["signal", given]);
  }

  publish(...given) {
    this.#happened.push(["publish", given]);
  }

  update(...given) {
    this.#happened.push(["update", given]);
  }

  close() {}
}

/** Make a list hold these, in this order, without touching what stands right: pictures play on. */
function place(list, wanted) {
  for (const child of [...list.children]) if (!wanted.includes(child)) child.remove();
  for (const [at, element] of wanted.entries()) {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  }
}
