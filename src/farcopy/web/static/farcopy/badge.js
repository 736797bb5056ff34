// A status as a word with a mark and a colour: never by colour alone.

import { h, icon } from "./dom.js";

const LOOKS = {
  success: ["good", "Success"], partial: ["warn", "Partial"], failed: ["bad", "Failed"],
  running: ["busy", "Running"], cancelled: ["idle", "Cancelled"], stopped: ["idle", "Stopped"],
  stored: ["good", "Stored since"], verified: ["good", "Stored and verified"],
  pending: ["busy", "Due"], uploading: ["busy", "On its way"], vanished: ["idle", "Gone from source"],
  skipped: ["idle", "Skipped"],
  over: ["idle", "Over"], active: ["good", "Active"], disabled: ["idle", "Disabled"], locked: ["warn", "Locked out"],
};

export function badge(name, words = "") {
  const [level, word] = LOOKS[name] || ["idle", name];
  return h("span", { class: `badge ${level}` }, icon(level), words || word);
}

// A run that somebody ended did not fail.
export function runBadge(run) {
  const isCut = run.end === "cancelled" || run.end === "stopped";
  return badge(isCut ? run.end : run.status);
}
