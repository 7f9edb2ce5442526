/** What people write to each other: a list, a line to write in, and how much of it is new. */

import { h } from "./dom.js";
import { say } from "./texts.js";

const LONGEST = 2000; // characters

export class Chat {
  /**
   * @param {{send: (text: string) => boolean, unread: (count: number) => void, you: () => string}} given
   */
  constructor(given) {
    this.given = given;
    this.seen = new Set();
    this.unread = 0;
    this.open = false;
    this.sent = ""; // what has not come back to us yet
    this.none = h("p", { class: "quiet" }, say("chatNone"));
    this.list = h("ol", { class: "messages" });
    this.log = h("div", { class: "log", role: "log", "aria-label": say("chat"), tabindex: "0" }, this.list);
    this.line = h("textarea", { id: "chat-line", rows: "2", maxlength: String(LONGEST), placeholder: say("chatWrite"), "aria-label": say("chatWrite") });
    const send = h("button", { class: "primary" }, say("send"));
    this.element = h("div", { class: "chat" }, this.none, this.log,
      h("form", { class: "chat-form", on: { submit: (event) => { event.preventDefault(); this.#send(); } } }, this.line, send));
    this.line.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#send();
      }
    });
  }

  /** Take messages in; those that are known already are left out. Gives the new ones of others. */
  take(messages) {
    const news = [];
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    for (const message of messages) {
      if (this.seen.has(message.id)) continue;
      this.seen.add(message.id);
      const own = message.from === this.given.you();
      const time = new Date(message.at);
      this.list.append(
        h("li", { class: own ? "message is-own" : "message" },
          h("p", { class: "message-head" }, h("bdi", {}, message.name),
            h("time", { datetime: message.at }, time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }))),
          h("p", { class: "message-text", dir: "auto" }, message.text)),
      );
      if (!own) news.push(message);
      else if (message.text === this.sent) this.#came();
    }
    this.none.hidden = this.seen.size > 0;
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
    if (!this.open && news.length) {
      this.unread += news.length;
      this.given.unread(this.unread);
    }
    return news;
  }

  /** The panel is there or not. */
  shown(open) {
    this.open = open;
    if (!open) return;
    this.unread = 0;
    this.given.unread(0);
    this.log.scrollTop = this.log.scrollHeight;
    this.line.focus({ preventScroll: true });
  }

  /** What was written last came too fast: it is there to be sent again. */
  refused() {
    if (this.sent && !this.line.value) this.line.value = this.sent;
  }

  #came() {
    if (this.line.value === this.sent) this.line.value = "";
    this.sent = "";
  }

  #send() {
    const text = this.line.value.trim();
    if (!text || !this.given.send(text)) return;
    this.sent = text;
    this.line.value = "";
  }
}
