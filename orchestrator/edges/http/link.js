"use strict";
for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  time.textContent = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
}
const main = document.querySelector("main[data-every]");
if (main) {
  const every = Number(main.dataset.every) * 1000;
  const look = async () => {
    try {
      const answer = await fetch(location.pathname + "?state", { cache: "no-store" });
      if (answer.ok) {
        const state = await answer.json();
        if (state.go || state.tag !== main.dataset.tag) {
          location.replace(location.pathname);
          return;
        }
      }
    } catch (error) {
      // No network for a moment: the next look may find it.
    }
    setTimeout(look, document.hidden ? Math.max(every, 10000) : every);
  };
  setTimeout(look, every);
}
