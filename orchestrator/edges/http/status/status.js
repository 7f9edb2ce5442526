// The status page, alive: facts as they come, and the parts that changed.  Without it the page is
// as it was when it was loaded.

const SOONEST = 1000; // milliseconds between two looks at the parts
const GATHER = 150; // in which facts are gathered before one
const AGAIN = 5000; // until another try, where the stream was refused
const FACTS_MOST = 100;

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function tellLocalTimes(root) {
  for (const time of root.querySelectorAll("time:not([title])")) {
    time.title = local.format(new Date(time.dateTime));
  }
}

// --- parts -----------------------------------------------------------------------------------------

const parts = document.getElementById("parts");
const shown = new Map(); // the HTML of each part as the server gave it
let looking = false;
let wanted = false;
let lastLook = 0;

/** Somebody is at work there: what they see and type stays. */
function isBusy(part) {
  const at = document.activeElement;
  if (at !== null && at !== document.body && part.contains(at)) return true;
  const selection = document.getSelection();
  if (selection !== null && !selection.isCollapsed && selection.containsNode(part, true)) return true;
  return [...part.querySelectorAll("input:not([type=hidden])")].some((one) => one.value !== one.defaultValue);
}

/** What a person opened or scrolled stays so. */
function replace(old, fresh) {
  const scrolls = [...old.querySelectorAll(".scroll, .keys, .facts")].map((one) => [one.scrollTop, one.scrollLeft]);
  for (const details of old.querySelectorAll("details[open]")) {
    const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (same !== null) same.open = true;
  }
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll, .keys, .facts").forEach((one, place) => {
    if (place < scrolls.length) [one.scrollTop, one.scrollLeft] = scrolls[place];
  });
}

function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const headline = document.getElementById("headline")?.textContent;
  const there = new Set();
  let before = null;
  for (const part of [...fresh.children]) {
    there.add(part.id);
    const source = part.outerHTML;
    const old = document.getElementById(part.id);
    let placed = old;
    if (old === null) {
      placed = document.adoptNode(part);
      if (before === null) parts.prepend(placed);
      else before.after(placed);
      shown.set(part.id, source);
    } else if (shown.get(part.id) !== source && !isBusy(old)) {
      placed = document.adoptNode(part);
      replace(old, placed);
      shown.set(part.id, source);
    }
    before = placed;
  }
  for (const old of [...parts.children]) {
    if (!there.has(old.id) && !isBusy(old)) {
      old.remove();
      shown.delete(old.id);
    }
  }
  tellLocalTimes(parts);
  const now = document.getElementById("headline")?.textContent;
  if (now !== headline) sayAloud(now);
}

function sayAloud(words) {
  document.getElementById("aloud").textContent = words;
  document.title = document.title.replace(/^[^·]*/, `${words} `);
}

async function look() {
  if (looking) {
    wanted = true;
    return;
  }
  looking = true;
  wanted = false;
  lastLook = Date.now();
  try {
    const answer = await fetch(`/status/parts${location.search}`, { cache: "no-store" });
    if (answer.ok) take(await answer.text());
    else if (answer.status === 401 || answer.status === 403) location.reload();
  } catch {
    // No network for a moment: the stream says so, and comes back.
  }
  looking = false;
  if (wanted) lookSoon();
}

let timer = 0;
function lookSoon() {
  if (timer !== 0) return;
  timer = setTimeout(() => {
    timer = 0;
    look();
  }, Math.max(GATHER, lastLook + SOONEST - Date.now()));
}

// --- facts -----------------------------------------------------------------------------------------

const isStill = document.body.hasAttribute("data-still");
let last = Number(document.querySelector("#facts .fact")?.dataset.seq ?? -1);
let stream = null;
let retry = 0;

function showLive(says, isLive) {
  const live = document.getElementById("live");
  live.hidden = false;
  live.classList.toggle("lost", !isLive);
  document.getElementById("live-says").textContent = says;
}

function addFact(event) {
  last = Number(event.lastEventId);
  const facts = document.getElementById("facts");
  if (!isStill && facts !== null && facts.querySelector(`[data-seq="${last}"]`) === null) {
    const fact = new DOMParser().parseFromString(event.data, "text/html").querySelector(".fact");
    if (fact !== null) {
      const added = document.adoptNode(fact);
      added.classList.add("fresh");
      facts.prepend(added);
      tellLocalTimes(added);
      while (facts.children.length > FACTS_MOST) facts.lastElementChild.remove();
      facts.parentElement.querySelector("#no-facts")?.remove();
    }
  }
  lookSoon();
}

function listen() {
  clearTimeout(retry);
  if (stream !== null) stream.close();
  stream = new EventSource(`/status/events?after=${isStill ? -1 : last}`);
  stream.addEventListener("open", () => showLive("live", true));
  stream.addEventListener("fact", addFact);
  stream.addEventListener("beat", lookSoon);
  stream.addEventListener("reset", (event) => {
    last = Number(event.lastEventId);
    look();
  });
  stream.addEventListener("error", () => {
    showLive("reconnecting", false);
    if (stream.readyState === EventSource.CLOSED) {
      look();
      retry = setTimeout(listen, AGAIN);
    }
  });
}

tellLocalTimes(document);
if (document.body.hasAttribute("data-live")) {
  for (const part of parts.children) shown.set(part.id, part.outerHTML);
  parts.addEventListener("focusout", () => setTimeout(lookSoon, 0));
  // A browser opens six connections to one host: those who do not look should not hold one.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      clearTimeout(retry);
    } else {
      look();
      listen();
    }
  });
  if (!document.hidden) listen();
}
