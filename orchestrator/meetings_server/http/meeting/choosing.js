/** Lists from which microphone, camera and speaker are chosen: before the meeting and in it. */

import { h } from "./dom.js";
import { remember, remembered } from "./memory.js";
import { say } from "./texts.js";

/**
 * Lists of devices, kept up to date.
 * @param {Devices} devices
 * @param {(id: string) => void} [speaker] hears which speaker was chosen; without it none is offered
 * @returns {{element: Element, stop: () => void}}
 */
export function deviceChoice(devices, speaker = null) {
  const element = h("div", { class: "choices" });
  const canSpeak = speaker !== null && "setSinkId" in HTMLMediaElement.prototype;
  const kinds = ["microphone", "camera", ...(canSpeak ? ["speaker"] : [])];

  async function fill() {
    const found = await devices.list();
    const rows = kinds
      .filter((kind) => found[kind].length > 0)
      .map((kind) => {
        const used = devices.tracks[kind]?.getSettings().deviceId ?? remembered(kind);
        const options = found[kind].map((one, place) =>
          h("option", { value: one.deviceId, selected: one.deviceId === used },
            one.label || `${say(kind)} ${place + 1}`));
        const chosen = ({ target }) => {
          if (kind === "speaker") {
            remember(kind, target.value);
            speaker(target.value);
          } else {
            devices.choose(kind, target.value);
          }
        };
        const list = h("select", { id: `choose-${kind}`, on: { change: chosen } }, options);
        return h("div", { class: "choice" }, h("label", { for: list.id }, say(kind)), list);
      });
    if (!element.contains(document.activeElement)) element.replaceChildren(...rows);
  }

  devices.addEventListener("devices", fill);
  devices.addEventListener("change", fill);
  fill();
  return {
    element,
    stop() {
      devices.removeEventListener("devices", fill);
      devices.removeEventListener("change", fill);
    },
  };
}
