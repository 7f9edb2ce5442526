/** Before the meeting: who one is, how one looks and sounds, and the button that leads in. */

import { deviceChoice } from "./choosing.js";
import { h, icon, iconButton, relabel, show } from "./dom.js";
import { listenTo } from "./levels.js";
import { remember, remembered } from "./memory.js";
import { LANGUAGES, say } from "./texts.js";

const LONGEST_NAME = 100; // characters

/** The worst of what became of both devices, in words; or nothing. */
function problemIn(devices) {
  const { microphone, camera } = devices.problems;
  if (microphone === "insecure") return say("insecure");
  if (microphone && microphone === camera) return say(`${microphone}.both`);
  if (microphone) return say(`${microphone}.microphone`);
  if (camera && devices.on.camera) return say(`${camera}.camera`);
  return "";
}

/**
 * Show the lobby.
 * @param {Element} main
 * @param {object} page what the server told of the room
 * @param {Devices} devices
 * @param {{join: (name: string) => void, language: (code: string) => void}} act
 * @returns {() => void} take it away
 */
export function showLobby(main, page, devices, act) {
  const video = h("video", { playsinline: true, muted: true, autoplay: true, "aria-label": say("preview") });
  video.muted = true; // the attribute alone does not count for an element made by a script
  const off = h("p", { class: "preview-off" }, say("cameraIsOff"));
  const meter = h("meter", { min: "0", max: "1", value: "0", "aria-label": say("level") });
  // What could not be had is asked for once more.
  const isOn = (kind) => devices.on[kind] && !devices.problems[kind];
  const toggle = (kind) => ({ on: { click: () => devices.turn(kind, !isOn(kind)) } });
  const microphone = iconButton("microphone", "", toggle("microphone"));
  const camera = iconButton("camera", "", toggle("camera"));
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const again = h("button", { type: "button", class: "plain", hidden: true, on: { click: () => devices.open() } }, say("tryAgain"));
  const choice = deviceChoice(devices);

  const name = h("input", {
    id: "name", name: "name", type: "text", autocomplete: "name", required: true,
    maxlength: String(LONGEST_NAME), value: remembered("name"), enterkeyhint: "go",
  });
  name.addEventListener("input", () => name.setCustomValidity(""));
  const join = h("button", { class: "primary", id: "join" }, say("join"));
  const submit = (event) => {
    event.preventDefault();
    const given = name.value.trim();
    if (!given) {
      name.setCustomValidity(say("namePlease"));
      name.reportValidity();
      return;
    }
    remember("name", given);
    act.join(given);
  };

  const notes = [
    page.role === "host" ? say("hostNote") : null,
    page.role === "guest" && page.approval === "explicit_approval" ? say("approvalNote") : null,
    page.role === "guest" && page.approval === "after_owner_only" ? say("afterHostNote") : null,
    page.microphone === "off" ? say("mutedAtFirst") : null,
  ].filter(Boolean);

  const language = page.switcher ? languageChoice(act.language) : null;

  show(
    main,
    h("div", { class: "lobby" },
      h("section", { class: "preview-part", "aria-label": say("preview") },
        h("div", { class: "preview" }, video, off,
          h("div", { class: "preview-tools" }, microphone, camera)),
        h("div", { class: "meter-row" }, icon("microphone"), meter),
        choice.element,
      ),
      h("form", { class: "card", on: { submit }, novalidate: true },
        h("h1", {}, h("bdi", {}, page.room)),
        h("p", { class: "quiet" }, say("readyToJoin")),
        ...notes.map((note) => h("p", { class: "note" }, note)),
        h("label", { for: "name" }, say("yourName")),
        name,
        problem, again,
        join,
        language,
      ),
    ),
  );

  let stopMeter = null;
  let heard = null;
  const refresh = () => {
    const { tracks } = devices;
    const on = { microphone: isOn("microphone"), camera: isOn("camera") };
    relabel(microphone, on.microphone ? "microphone" : "microphone-off", say(on.microphone ? "muteSelf" : "unmuteSelf"));
    relabel(camera, on.camera ? "camera" : "camera-off", say(on.camera ? "cameraStop" : "cameraStart"));
    microphone.classList.toggle("is-off", !on.microphone);
    camera.classList.toggle("is-off", !on.camera);
    video.hidden = tracks.camera === null;
    off.hidden = tracks.camera !== null;
    if (video.srcObject?.getTracks()[0] !== tracks.camera) {
      video.srcObject = tracks.camera ? new MediaStream([tracks.camera]) : null;
    }
    if (heard !== tracks.microphone) {
      stopMeter?.();
      heard = tracks.microphone;
      meter.value = 0;
      stopMeter = heard ? listenTo(heard, (level) => { meter.value = level; }) : null;
    }
    const words = problemIn(devices);
    problem.textContent = words;
    problem.hidden = !words;
    again.hidden = !words || !devices.possible;
    const without = tracks.microphone === null && tracks.camera === null && words;
    join.textContent = without ? say("joinWithout") : say("join");
  };
  devices.addEventListener("change", refresh);
  refresh();
  // On a telephone that would open its keyboard over everything.
  if (!name.value && matchMedia("(pointer: fine)").matches) name.focus({ preventScroll: true });

  return () => {
    devices.removeEventListener("change", refresh);
    choice.stop();
    stopMeter?.();
    video.srcObject = null;
  };
}

function languageChoice(chosen) {
  const options = Object.entries(LANGUAGES).map(([code, itself]) =>
    h("option", { value: code, lang: code, selected: code === document.documentElement.lang }, itself));
  const list = h("select", { id: "language", on: { change: ({ target }) => chosen(target.value) } }, options);
  return h("div", { class: "choice" }, h("label", { for: "language" }, say("language")), list);
}
