/**
 * The socket of the meeting: one at a time, and a new one when it is lost.
 *
 * Speaks `meeting.1`. The tokens go in the first frame, so that no log of addresses has them.
 */

const SUBPROTOCOL = "meeting.1";
const DELAYS = [500, 1000, 2000, 4000, 5000]; // milliseconds; the last again and again
const ASKS_EVERY = 8000; // milliseconds between two looks whether the network still is there
const PATIENCE = 6000; // milliseconds in which something must be heard then

/** Reasons after which the page tries again by itself. */
const PASSING = new Set(["busy", "restarting"]);

/** A connection that comes back. */
export class Live {
  /**
   * @param {string} address
   * @param {{
   *   hello: () => object,              the first frame, made anew for each try
   *   frame: (frame: object) => void,   what the server says
   *   closed: (frame: object) => void,  it is over for good; never called twice
   *   down: (why: string, seconds: number) => void   lost or not had: `lost`, `busy`, `restarting`
   * }} hears
   */
  constructor(address, hears) {
    this.address = address;
    this.hears = hears;
    this.tries = 0;
    this.over = false;
    this.socket = null;
    this.timers = new Set();
    this.onOnline = () => this.#again(0);
    this.onOffline = () => this.#drop("lost");
    window.addEventListener("online", this.onOnline);
    window.addEventListener("offline", this.onOffline);
    this.#open();
  }

  /** Send a frame; false when there is no connection, and then it is gone. */
  send(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Go, and come back no more. */
  leave() {
    if (this.over) return;
    this.send({ type: "leave" });
    this.#end();
  }

  /** The page goes away: somewhere else, or to be loaded anew, in which case the place is kept. */
  away() {
    if (this.over) return;
    this.send({ type: "state", microphone: false, camera: false, screen: false });
    this.#end();
  }

  #end() {
    this.over = true;
    this.#clear();
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("offline", this.onOffline);
    this.socket?.close(1000);
    this.socket = null;
  }

  #later(milliseconds, act) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  #clear() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  #open() {
    this.#clear();
    const socket = new WebSocket(this.address, SUBPROTOCOL);
    this.socket = socket;
    // A server that takes the connection and says nothing is as good as none.
    const patience = this.#later(PATIENCE, () => this.#drop("lost"));
    socket.onopen = () => {
      if (this.socket === socket) this.send({ type: "join", ...this.hears.hello() });
    };
    socket.onmessage = (message) => {
      if (this.socket !== socket) return;
      clearTimeout(patience);
      this.#heard(JSON.parse(message.data));
    };
    socket.onclose = () => this.socket === socket && this.#drop("lost");
  }

  #heard(frame) {
    this.#listen();
    if (frame.type === "closed") {
      if (PASSING.has(frame.reason)) {
        this.#drop(frame.reason, frame.retry_after);
      } else {
        this.#end();
        this.hears.closed(frame);
      }
      return;
    }
    if (frame.type === "welcome" || frame.type === "waiting") this.tries = 0;
    if (frame.type !== "pong") this.hears.frame(frame);
  }

  /** A browser does not tell when the network is silently gone: ask, and expect a word. */
  #listen() {
    this.#clear();
    this.#later(ASKS_EVERY, () => {
      this.send({ type: "ping" });
      this.#later(PATIENCE, () => this.#drop("lost"));
    });
  }

  #drop(why, seconds = null) {
    if (this.over) return;
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
    }
    const delay = seconds === null ? DELAYS[Math.min(this.tries, DELAYS.length - 1)] : seconds * 1000;
    this.tries += 1;
    this.#again(delay);
    this.hears.down(why, Math.ceil(delay / 1000));
  }

  #again(milliseconds) {
    if (this.over || this.socket?.readyState === WebSocket.OPEN) return;
    this.#clear();
    this.#later(milliseconds, () => this.#open());
  }
}
