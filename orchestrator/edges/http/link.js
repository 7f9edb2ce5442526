"use strict";
const shown = { weekday: "long", year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" };
for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, shown);
}
const main = document.querySelector("main");
let every = Number(main.dataset.every || 0) * 1000;
let next = 0;
const look = async () => {
  try {
    const answer = await fetch(location.pathname + "?state", { cache: "no-store" });
    if (answer.ok) {
      const state = await answer.json();
      const stays = "stays" in main.dataset;
      if ((state.go && !stays) || state.tag !== main.dataset.tag) {
        location.replace(location.pathname + (stays ? "?show" : ""));
        return;
      }
    }
  } catch (error) {
    // No network for a moment: the next look may find it.
  }
  next = setTimeout(look, document.hidden ? Math.max(every, 10000) : every);
};
if (every) {
  next = setTimeout(look, every);
}
const again = Number(main.dataset.again || 0) * 1000;
if (again) {
  const read = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual" });
      const same = !answer.ok || (await answer.text()).includes(main.dataset.tag);
      if (answer.type === "opaqueredirect" || !same) {
        location.reload();
        return;
      }
    } catch (error) {
      // No network for a moment.
    }
    setTimeout(read, again);
  };
  setTimeout(read, again);
}
const count = document.querySelector("[data-until]");
if (count) {
  const until = new Date(count.dataset.until).getTime();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const words = (left) => {
    const [days, hours, minutes] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60];
    if (days) return `Opens in ${days} ${days === 1 ? "day" : "days"} ${hours} h`;
    if (hours) return `Opens in ${hours} h ${minutes} min`;
    if (calm.matches || minutes >= 10) return minutes ? `Opens in ${minutes} min` : "Opens in less than a minute";
    return `Opens in ${minutes} min ${String(left % 60).padStart(2, "0")} s`;
  };
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    const says = left > 0 ? words(left) : "Opens any moment now";
    if (count.textContent !== says) count.textContent = says;
    if (left > 0) {
      setTimeout(tick, 1000);
    } else if (every) {
      every = 2000;
      clearTimeout(next);
      next = setTimeout(look, every);
    }
  };
  count.hidden = false;
  tick();
}
