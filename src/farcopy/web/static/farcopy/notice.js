// One line for what just happened, told to screen readers too. A new one replaces the last.

import { fill, h, icon } from "./dom.js";

const place = document.getElementById("notice");
const GOOD_FOR_MS = 8000;
let timer;

// kind: good, warn, bad or busy; action: { text, work }, a button beside it.
export function tell(text, kind = "good", action = null) {
  clearTimeout(timer);
  fill(place, h("div", { class: `notice ${kind}` },
    icon(kind), h("span", {}, text),
    action && h("button", { type: "button", class: "link", onclick: action.work }, action.text),
    h("button", { type: "button", class: "link close", onclick: hush }, "Dismiss")));
  if (kind === "good" && !action) timer = setTimeout(hush, GOOD_FOR_MS);
}

export function hush() {
  clearTimeout(timer);
  place.replaceChildren();
}
