/** Leads a person through the page: before the meeting, waiting, in it, and after it. */

import { Devices } from "./devices.js";
import { h, show } from "./dom.js";
import { Live } from "./live.js";
import { showLobby } from "./lobby.js";
import { Meeting } from "./meeting.js";
import { remember, remembered, tabRemember, tabRemembered } from "./memory.js";
import { languageFor, say, speak } from "./texts.js";

const page = JSON.parse(document.body.dataset.page);
const main = document.querySelector("main");
const host = new URLSearchParams(location.search).get("participant_token") ?? "";
const title = document.title;

let devices = new Devices();
let leaveScreen = () => {};
let live = null;
let meeting = null;
let name = "";

speak(languageFor(page.switcher ? remembered("language") : "", page.language, navigator.languages));

function titled(words) {
  document.title = words ? `${words} · ${title}` : title;
}

function replaceScreen(next) {
  leaveScreen();
  leaveScreen = next ?? (() => {});
}

/** One heading, some words, some buttons. */
function card(heading, words, buttons = [], { busy = false } = {}) {
  replaceScreen();
  titled(heading);
  show(
    main,
    h("div", { class: "card", role: busy ? "status" : null },
      h("p", { class: "room-name" }, h("bdi", {}, page.room)),
      h("h1", {}, heading),
      ...words.filter(Boolean).map((line) => h("p", {}, line)),
      busy ? h("div", { class: "busy", "aria-hidden": "true" }) : null,
      buttons.length ? h("div", { class: "dialog-acts" }, ...buttons) : null),
  );
}

function button(label, kind, click) {
  return h("button", { type: "button", class: kind, on: { click } }, label);
}

// --- before ---------------------------------------------------------------------------------------

function lobby() {
  if (!("RTCPeerConnection" in window)) {
    card(page.room, [say("noCalls")]);
    return;
  }
  titled("");
  const draw = () => {
    replaceScreen(showLobby(main, page, devices, {
      join,
      language(code) {
        remember("language", code);
        speak(code);
        draw();
        document.querySelector("#language")?.focus();
      },
    }));
  };
  draw();
  devices.open();
}

function join(given) {
  name = given;
  card(say("connecting"), [], [button(say("cancel"), "plain", leave)], { busy: true });
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  live = new Live(`${scheme}//${location.host}${page.base}/live`, {
    hello: () => ({
      link: page.link,
      host,
      name,
      resume: tabRemembered("resume"),
      microphone: devices.state.microphone,
      camera: devices.state.camera,
    }),
    frame: heard,
    closed: over,
    down,
  });
}

// --- waiting, in it, after ------------------------------------------------------------------------

function heard(frame) {
  if (frame.type === "waiting") {
    closeMeeting();
    const [heading, words] = frame.reason === "approval"
      ? [say("waitingApproval"), say("waitingApprovalMore")]
      : [say("waitingHost"), say("waitingHostMore")];
    card(heading, [words], [button(say("stopWaiting"), "plain", leave)], { busy: true });
  } else if (frame.type === "welcome") {
    tabRemember("resume", frame.resume);
    if (!meeting) {
      replaceScreen();
      titled("");
      meeting = new Meeting(main, page, devices, { send: (said) => live?.send(said) ?? false, leave });
    }
    meeting.welcome(frame);
  } else {
    meeting?.heard(frame);
  }
}

function down(why, seconds) {
  const words = why === "busy" ? say("busy", { seconds }) : navigator.onLine ? say("lost") : say("offline");
  if (meeting) meeting.lost(words);
  else card(say("connecting"), [why === "busy" ? words : say("cannotReach")], [button(say("cancel"), "plain", leave)], { busy: true });
}

function closeMeeting() {
  meeting?.close();
  meeting = null;
}

/** Everything is given back; what comes next starts afresh. */
function stop() {
  live?.leave();
  live = null;
  closeMeeting();
  devices.close();
  const { on } = devices;
  devices = new Devices();
  devices.on = { ...on };
}

function leave() {
  stop();
  tabRemember("resume", "");
  card(say("leftTitle"), [say("leftMore")], [button(say("joinAgain"), "primary", lobby)]);
}

function over(frame) {
  stop();
  if (frame.reason !== "replaced") tabRemember("resume", "");
  const [heading, words] = say(`over.${frame.reason}`) ?? say("over.refused");
  const more = frame.reason === "full" && frame.most ? say("fullMost", { most: frame.most }) : words;
  const again = ["full", "denied", "replaced", "refused", "ended"].includes(frame.reason);
  card(heading, [more], again ? [button(frame.reason === "full" ? say("tryAgain") : say("joinAgain"), "primary", lobby)] : []);
}

window.addEventListener("pagehide", () => live?.away());
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

devices.on.microphone = page.microphone !== "off";
lobby();
