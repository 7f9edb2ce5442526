/** Who is in the meeting and who waits for it, and what a host may do about it. */

import { h, icon } from "./dom.js";
import { say } from "./texts.js";

const STOPS = [
  ["microphone", "mutePerson", "muteName"],
  ["camera", "cameraPerson", "cameraName"],
  ["screen", "screenPerson", "screenName"],
];

export class People {
  /**
   * @param {{
   *   admit: (id: string) => void, deny: (id: string) => void,
   *   mute: (id: string, kind: string) => void, remove: (person: object) => void,
   *   isHost: () => boolean, you: () => string,
   * }} given
   * @param {...Node} below what stands under the lists
   */
  constructor(given, ...below) {
    this.given = given;
    this.rows = new Map();
    this.waiting = h("ul", { class: "rows" });
    this.waitingPart = h("section", { class: "waiting-part", hidden: true }, h("h3", {}, say("waitingList")), this.waiting);
    this.list = h("ul", { class: "rows" });
    this.element = h("div", { class: "people", tabindex: "-1" }, this.waitingPart, this.list, ...below);
  }

  /** Everybody, in their order, and those who wait. */
  update(people, knocking) {
    this.waitingPart.hidden = knocking.length === 0;
    this.#sync(this.waiting, knocking, (one) => one.name, (one) => this.#knock(one));
    const signature = (one) => JSON.stringify([one, this.given.isHost()]);
    this.#sync(this.list, people, signature, (one) => this.#row(one));
  }

  /** Rows change only where something did, so that the keyboard's place is not lost. */
  #sync(list, wanted, signature, make) {
    const kept = new Map([...list.children].map((row) => [row.dataset.id, row]));
    for (const [place, one] of wanted.entries()) {
      let row = kept.get(one.id);
      kept.delete(one.id);
      if (!row || row.dataset.signature !== signature(one)) {
        const made = make(one);
        made.dataset.id = one.id;
        made.dataset.signature = signature(one);
        if (row) {
          const focused = row.contains(document.activeElement) ? document.activeElement.dataset.act : null;
          row.replaceWith(made);
          if (focused) (made.querySelector(`[data-act="${focused}"]`) ?? made.querySelector("button"))?.focus();
        }
        row = made;
      }
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
    }
    for (const row of kept.values()) {
      const focused = row.contains(document.activeElement);
      row.remove();
      if (focused) (this.element.querySelector("button") ?? this.element).focus();
    }
  }

  #knock(one) {
    return h("li", { class: "row" },
      h("bdi", { class: "row-name" }, one.name),
      h("div", { class: "row-acts" },
        h("button", { type: "button", class: "small primary", "data-act": "admit", "aria-label": say("letInName", one), on: { click: () => this.given.admit(one.id) } }, say("letIn")),
        h("button", { type: "button", class: "small plain", "data-act": "deny", "aria-label": say("denyName", one), on: { click: () => this.given.deny(one.id) } }, say("deny"))));
  }

  #row(person) {
    const own = person.id === this.given.you();
    const states = [
      person.microphone ? null : h("span", {}, icon("microphone-off"), h("span", { class: "unseen" }, say("microphoneOff"))),
      person.camera ? null : h("span", {}, icon("camera-off"), h("span", { class: "unseen" }, say("cameraOff"))),
      person.screen ? h("span", {}, icon("screen"), h("span", { class: "unseen" }, say("sharing"))) : null,
    ];
    const acts = [];
    if (this.given.isHost() && !own) {
      for (const [kind, words, label] of STOPS) {
        if (!person[kind]) continue;
        acts.push(h("button", { type: "button", class: "small plain", "data-act": kind, "aria-label": say(label, person), on: { click: () => this.given.mute(person.id, kind) } }, say(words)));
      }
      acts.push(h("button", { type: "button", class: "small plain danger", "data-act": "remove", "aria-label": say("removeName", person), on: { click: () => this.given.remove(person) } }, say("remove")));
    }
    return h("li", { class: "row" },
      h("div", { class: "row-head" },
        h("span", { class: "row-name" }, h("bdi", {}, person.name), own ? ` (${say("you")})` : null),
        person.role === "host" ? h("span", { class: "badge" }, say("host")) : null,
        h("span", { class: "row-states" }, states)),
      acts.length ? h("div", { class: "row-acts" }, acts) : null);
  }
}
