/** What the page remembers: for good on this device, or for this tab alone. Never a link. */

function kept(storage, name) {
  try {
    return storage().getItem(`meeting.${name}`) ?? "";
  } catch {
    return ""; // a browser that is told to keep nothing
  }
}

function keep(storage, name, value) {
  try {
    if (value) storage().setItem(`meeting.${name}`, value);
    else storage().removeItem(`meeting.${name}`);
  } catch {
    // the next visit asks again
  }
}

const device = () => window.localStorage;
const tab = () => window.sessionStorage;

/** On this device: a name, which microphone. */
export const remembered = (name) => kept(device, name);
export const remember = (name, value) => keep(device, name, value);

/** In this tab: who one was before the page was loaded anew. */
export const tabRemembered = (name) => kept(tab, name);
export const tabRemember = (name, value) => keep(tab, name, value);
