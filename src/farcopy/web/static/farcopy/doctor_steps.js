// The doctor's findings as a list of steps; used by the connection view and the first run.

import { h, icon } from "./dom.js";
import { duration } from "./format.js";
import { withLabels } from "./settings_fields.js";

const MARKS = { ok: "good", caution: "caution", failed: "bad", not_reached: "later" };
const LEVELS = { ok: "good", caution: "warn", failed: "bad", not_reached: "idle" };
const WORDS = { ok: "Well: ", caution: "Well, but: ", failed: "Failed: ", not_reached: "Not reached: " };
const FINGERPRINT = "SHA-256 fingerprint";

export function stepList(found) {
  return h("ol", { class: "steps" }, found.steps.map(stepItem));
}

function stepItem(step) {
  const took = step.took_ms === null ? "" : step.took_ms < 1000 ? `${step.took_ms} ms` : duration(step.took_ms / 1000);
  return h("li", { class: `step ${step.status}` },
    h("span", { class: `dot ${LEVELS[step.status]}` }, icon(MARKS[step.status])),
    h("div", {},
      h("div", { class: "step-head" },
        h("p", { class: "step-title" }, h("span", { class: "hidden-text" }, WORDS[step.status]), step.title),
        h("span", { class: "quiet-text small number" }, took)),
      step.seen.length > 0 && h("dl", { class: "list" }, step.seen.flatMap(({ name, value }) => [
        h("dt", {}, name), h("dd", { class: name === FINGERPRINT ? "mono" : "" }, withLabels(value))])),
      step.cause && verdict(step)));
}

function verdict(step) {
  const fingerprint = step.seen.find(({ name }) => name === FINGERPRINT);
  return h("div", { class: `notice ${LEVELS[step.status]} verdict` },
    h("p", {}, h("strong", {}, withLabels(step.cause))),
    h("p", {}, withLabels(step.action)),
    fingerprint && h("p", {}, h("a", { href: `#/settings?${new URLSearchParams({ fingerprint: fingerprint.value })}` }, "I have compared it: pin this certificate")));
}

// While nobody knows yet: the same places, empty.
export function waitingList(titles) {
  return h("ol", { class: "steps", "aria-hidden": "true" }, titles.map((title, n) => h("li", { class: "step not_reached" },
    h("span", { class: "dot idle" }, n === 0 ? icon("busy", "icon spin") : icon("later")),
    h("div", {}, h("div", { class: "step-head" }, h("p", { class: "step-title" }, title))))));
}

export const TITLES = ["Name resolved", "Connected", "Encryption and certificate", "Logged in",
  "Directory entered and listed", "File written, read back, renamed, removed", "What the server can do",
  "Connections at the same time"];
