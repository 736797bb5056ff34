// Asks for the status: once a second while a run is on, else every ten; says when nobody answers.

import { api } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { duration } from "./format.js";
import { session } from "./session.js";

const RUNNING_MS = 1000;
const IDLE_MS = 10000;
const LOST_MS = 2000;
const banner = document.getElementById("connection");
const listeners = new Set();
let timer = null;
let lostAt = 0;
let isAsking = false;
let last = null;

// work(status) at once when there is one, and at each answer; returns how to end it.
export function onStatus(work) {
  listeners.add(work);
  if (last) work(last);
  return () => listeners.delete(work);
}

export async function askNow() {
  if (isAsking) return;
  clearTimeout(timer);
  isAsking = true;
  let delay = IDLE_MS;
  try {
    last = (await api.status()).data;
    found();
    if (last.current_sync) delay = RUNNING_MS;
    for (const work of listeners) work(last);
  } catch (error) {
    if (error.isSignedOut) session.end();
    else if (error.code === "otp_setup_required") window.location.hash = "#/account";
    else lost();
    delay = LOST_MS;
  } finally {
    isAsking = false;
  }
  if (session.account) timer = setTimeout(askNow, delay);
}

export function stopWatching() {
  clearTimeout(timer);
  last = null;
  found();
}

function lost() {
  lostAt ||= Date.now();
  document.body.classList.add("stale"); // green is a promise nobody can give now
  fill(banner, h("p", { class: "notice bad" }, icon("warn"),
    h("span", {}, `farcopy has not answered for ${duration((Date.now() - lostAt) / 1000)}. `
      + "What is shown may be out of date; this page tries again by itself.")));
}

function found() {
  if (!lostAt) return;
  lostAt = 0;
  document.body.classList.remove("stale");
  banner.replaceChildren();
}

// A laptop that wakes, a line that is back: no need to wait for the next turn.
window.addEventListener("online", () => session.account && askNow());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && session.account && timer) askNow();
});
