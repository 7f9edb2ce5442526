/** Makes elements from values. Text is always text: nothing here reads HTML. */

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  microphone: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z M6 11a6 6 0 0 0 12 0 M12 17v4",
  "microphone-off":
    "M15 10V6a3 3 0 0 0-5.7-1.3 M9 9v2a3 3 0 0 0 4.5 2.6 M6 11a6 6 0 0 0 9.3 5 M18 11a6 6 0 0 1-.6 2.6 M12 17v4 M4 3l17 18",
  camera: "M4 7h9a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 13 17H4a1.5 1.5 0 0 1-1.5-1.5v-7A1.5 1.5 0 0 1 4 7z M14.5 11l6-3v8l-6-3",
  "camera-off":
    "M9 7h4a1.5 1.5 0 0 1 1.5 1.5V11l6-3v8 M14.5 15.5A1.5 1.5 0 0 1 13 17H4a1.5 1.5 0 0 1-1.5-1.5v-7A1.5 1.5 0 0 1 4 7 M3 3l18 18",
  screen: "M3 5h18v11H3z M8 20h8 M12 16v4 M12 13V8 M9.5 10.3L12 8l2.5 2.3",
  chat: "M4 5h16v11H10l-4 4v-4H4z",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20a6.5 6.5 0 0 1 13 0 M16 4.300a3.5 3.5 0 0 1 0 6.4 M17.5 14.300a6.5 6.5 0 0 1 4 5.7",
  record: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  leave: "M10 4H5v16h5 M14 8l4 4-4 4 M18 12H9",
  settings:
    "M4 7h9 M17 7h3 M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4z M4 17h3 M11 17h9 M9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  close: "M6 6l12 12 M18 6L6 18",
  send: "M4 12l16-7-5 15-3.5-6z M11.5 14L20 5",
  remove: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20a6.5 6.5 0 0 1 11-4.7 M15.5 15.5l5 5 M20.5 15.5l-5 5",
};

/**
 * An element.
 * @param {string} tag
 * @param {Object} given attributes; `on` holds listeners by event, a function or null is left out
 * @param {...(Node|string|null)} children
 */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A picture that says nothing to those who hear the page: what it means stands beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with a picture and words; `label` can be changed by `relabel`. */
export function iconButton(name, label, given = {}) {
  const { class: extra = "", ...rest } = given;
  const words = h("span", { class: "label" }, label);
  const button = h("button", { type: "button", class: `tool ${extra}`.trim(), title: label, ...rest }, icon(name), words);
  return button;
}

/** What a button of `iconButton` shows from now on. */
export function relabel(button, name, label) {
  if (button.dataset.icon !== name) {
    button.querySelector(".icon").replaceWith(icon(name));
    button.dataset.icon = name;
  }
  if (button.title !== label) {
    button.title = label;
    button.querySelector(".label").textContent = label;
  }
}

/** Puts one screen into the page's main, and those who hear it onto its heading. */
export function show(main, ...children) {
  main.replaceChildren(...children.filter(Boolean));
  const heading = main.querySelector("h1");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

/** Minutes and seconds, or hours as well. */
export function clockOf(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : String(part))).join(":");
}

/** The letters that stand for a person without a picture. */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** A small number that is always the same for a person: a colour of its own. */
export function hueOf(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}
