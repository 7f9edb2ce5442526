/** What the page says, in the languages that it speaks. */

import { GERMAN } from "./german.js";

const ENGLISH = {
  yourName: "Your name",
  join: "Join",
  joining: "Joining…",
  joinWithout: "Join without microphone and camera",
  namePlease: "Please say who you are.",
  readyToJoin: "Ready to join?",
  microphone: "Microphone",
  camera: "Camera",
  speaker: "Speaker",
  preview: "Your camera",
  level: "Level of your microphone",
  muteSelf: "Mute",
  unmuteSelf: "Unmute",
  cameraStop: "Stop camera",
  cameraStart: "Start camera",
  cameraIsOff: "Your camera is off",
  asking: "Your browser may ask whether this page may use your camera and microphone.",
  denied: {
    both: "Your browser keeps microphone and camera from this page. Allow them beside the address and try again, or join without.",
    microphone: "Your browser keeps the microphone from this page. Allow it beside the address and try again, or join without.",
    camera: "Your browser keeps the camera from this page. Allow it beside the address and try again, or join without.",
  },
  missing: {
    both: "No microphone and no camera was found. You can join all the same: you will hear and see the others.",
    microphone: "No microphone was found. You can join all the same.",
    camera: "No camera was found. You can join all the same.",
  },
  taken: {
    both: "Microphone and camera cannot be used: perhaps another program has them. You can join all the same.",
    microphone: "The microphone cannot be used: perhaps another program has it. You can join all the same.",
    camera: "The camera cannot be used: perhaps another program has it. You can join all the same.",
  },
  insecure: "Browsers give microphone and camera to pages over HTTPS only. You can join all the same: you will hear and see the others.",
  noCalls: "This browser cannot hold meetings, or was told not to. Please take another one.",
  tryAgain: "Try again",
  hostNote: "You have the host's link. Do not pass it on: it gives the host's rights.",
  mutedAtFirst: "In this room everybody comes in muted.",
  approvalNote: "The host lets everybody in one by one.",
  afterHostNote: "The meeting begins when the host comes.",
  language: "Language",
  waitingHost: "Waiting for the host",
  waitingHostMore: "The meeting begins when the host comes. You will be let in by yourself.",
  waitingApproval: "Waiting to be let in",
  waitingApprovalMore: "The host has been told that you are here.",
  stopWaiting: "Leave",
  connecting: "Connecting…",
  cannotReach: "The server does not answer. Trying again…",
  busy: "Many people come in at once. Trying again in {seconds} s…",
  lost: "The connection is lost. Coming back…",
  noMedium: "Sound and picture cannot be had. Load this page anew.",
  back: "You are connected again.",
  offline: "This device is offline. Coming back as soon as it is not…",
  you: "you",
  host: "Host",
  tools: "Controls of the meeting",
  stage: "Participants' pictures",
  share: "Share screen",
  shareStop: "Stop sharing",
  shareOf: "Screen of {name}",
  shareYours: "You are sharing your screen.",
  chat: "Chat",
  chatUnread: "Chat, {count} new",
  chatNone: "No messages yet. They are gone when the meeting is over.",
  chatWrite: "Message to everybody",
  send: "Send",
  people: "People",
  peopleCount: "People ({count})",
  peopleWaiting: "People ({count}, {waiting} waiting)",
  close: "Close",
  waitingList: "Waiting to be let in",
  letIn: "Let in",
  deny: "Deny",
  letInName: "Let {name} in",
  denyName: "Do not let {name} in",
  knocks: "{name} would like to come in.",
  knocksMore: "{name} and {count} more would like to come in.",
  mutePerson: "Mute",
  muteName: "Mute {name}",
  cameraPerson: "Stop camera",
  cameraName: "Stop the camera of {name}",
  screenPerson: "Stop screen",
  screenName: "Stop the screen of {name}",
  remove: "Remove",
  removeName: "Remove {name}",
  removeAsk: "Remove {name} from the meeting?",
  removeMore: "{name} is out at once. The link stays good: {name} can come again by it, unless guests here wait for your yes.",
  record: "Record",
  recordStop: "Stop recording",
  recorded: "This meeting is being recorded.",
  recordedNoMore: "The recording has ended.",
  recording: "Recording",
  settings: "Settings",
  leave: "Leave",
  leaveAsk: "Leave the meeting?",
  leaveMore: "The others can go on without you, or you end the meeting for everybody.",
  endForAll: "End for everybody",
  cancel: "Cancel",
  shortcuts: "Keys",
  shortcutsOn: "Single keys steer the meeting",
  keyMute: "mute and unmute",
  keyCamera: "camera on and off",
  keyShare: "share a screen",
  keyChat: "chat",
  keyPeople: "people",
  keyHelp: "these settings",
  mesh: "Everybody in this meeting is connected with everybody else directly. It is made for at most {most} people, and on a slow line picture and sound suffer before that.",
  microphoneOff: "microphone off",
  cameraOff: "camera off",
  sharing: "shares a screen",
  linkConnecting: "connecting…",
  linkLost: "connection lost, trying again…",
  soundBlocked: "Your browser holds the sound back.",
  soundOn: "Turn the sound on",
  alone: "Nobody else is here yet.",
  copyLink: "Copy the link for guests",
  copied: "The link for guests is copied.",
  copyThis: "Link for guests",
  notSent: "There is no connection now. Send it once you are back.",
  mutedByHost: "The host has muted you.",
  cameraByHost: "The host has stopped your camera.",
  screenByHost: "The host has stopped your screen.",
  youAreMuted: "You are muted.",
  youAreHeard: "Others can hear you.",
  joined: "{name} has come in.",
  left: "{name} has left.",
  said: "{name} writes: {text}",
  leftTitle: "You have left",
  leftMore: "You can come back while the room is open.",
  joinAgain: "Join again",
  over: {
    unknown: ["Room not found", "There is no room behind this link. Please check that it was copied whole."],
    expired: ["This room has ended", "Please ask whoever invited you for a new link."],
    full: ["This room is full", "Try again when somebody has left."],
    denied: ["You were not let in", "The host has not let you in. Ask them if you think that this is a mistake."],
    removed: ["You were removed", "The host has removed you from this meeting."],
    ended: ["The meeting is over", "The host has ended it for everybody."],
    replaced: ["You are here somewhere else", "You came in again in another window or on another device, so this one has left."],
    refused: ["You could not come in", "The server did not understand this page. Load it anew."],
  },
  fullMost: "It is made for at most {most} people. Try again when somebody has left.",
  errors: {
    not_allowed: "That is for the host alone.",
    too_long: "That message is too long: at most 2,000 characters.",
    too_fast: "That was too much at once. Wait a moment.",
    unknown_person: "That person is no longer here.",
    cannot_record: "The meeting cannot be recorded now.",
    full: "The room is full: nobody more can come in.",
    unavailable: "The server cannot do that just now. Try again.",
  },
};

/** All of it, by language. */
export const ALL = { en: ENGLISH, de: GERMAN };

/** The names of the languages, each in itself. */
export const LANGUAGES = { en: "English", de: "Deutsch" };

/**
 * The language to speak: what somebody chose, else what the room asks for, else what the browser
 * prefers; English where we do not speak that.
 */
export function languageFor(chosen, asked, preferred) {
  if (chosen in ALL) return chosen;
  if (asked !== "default") return asked in ALL ? asked : "en";
  return preferred.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in ALL) ?? "en";
}

let spoken = ENGLISH;

/** Speak this language from now on. */
export function speak(language) {
  spoken = ALL[language];
  document.documentElement.lang = language;
}

/** What is said, by its name, with what it is about. */
export function say(name, about = {}) {
  let found = spoken;
  for (const part of name.split(".")) found = found?.[part];
  if (typeof found !== "string") return found;
  return found.replace(/\{(\w+)\}/g, (_, key) => String(about[key]));
}
