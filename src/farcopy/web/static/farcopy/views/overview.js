// Is everything off-site? One sentence, the run that is on, what comes next, and how it went.

import { acceptLosses, cancelSync, confirmChanges, syncNow } from "../actions.js";
import { api } from "../api.js";
import { charts } from "../charts.js";
import { fill, h, icon, setText } from "../dom.js";
import { ago, capital, count, duration, number, size, when } from "../format.js";
import { during } from "../failure.js";
import { livePanel } from "../live.js";
import { tell } from "../notice.js";
import { runRow, runTable } from "../run_table.js";
import { withLabels } from "../settings_fields.js";
import { session } from "../session.js";
import { askNow, onStatus } from "../watch.js";

export const title = () => "Overview";
const FROZEN = "Sync is frozen"; // that warning is the sentence itself

export function open(main) {
  const hero = new Hero();
  const live = livePanel((event) => cancelSync(event.currentTarget));
  const facts = h("dl", { class: "facts" });
  const warnings = h("ul", { class: "stack", "aria-label": "Warnings" });
  const drawn = charts();
  const { table, body } = runTable("The ten newest runs");
  const runs = h("div", {});
  main.append(h("div", { class: "stack" },
    hero.element, live.element, facts, warnings, drawn.element,
    h("section", { class: "panel", "aria-labelledby": "runs-heading" },
      h("div", { class: "head" },
        h("h2", { id: "runs-heading" }, "Last runs"), h("a", { href: "#/runs" }, "All runs")),
      runs)));
  let shownRuns = "";
  let runningId = null;

  const end = onStatus((status) => {
    hero.draw(status);
    live.draw(status.current_sync);
    drawFacts(facts, status);
    drawWarnings(warnings, status);
    const key = JSON.stringify([status.sync_history, status.now.slice(0, 16)]);
    if (key !== shownRuns) {
      shownRuns = key;
      fill(body, status.sync_history.map((run) => runRow(run, status.now)));
      fill(runs, status.sync_history.length ? table : h("p", { class: "empty" }, "No run yet."));
    }
    if (runningId !== null && status.current_sync?.run_id !== runningId) {
      tellEnd(status.last_sync, runningId);
      drawn.refresh();
    }
    runningId = status.current_sync?.run_id ?? null;
  });
  return () => {
    end();
    drawn.close();
  };
}

function tellEnd(run, id) {
  // What did not go well is the sentence above all; it need not be said twice.
  if (run?.id !== id || run.status !== "success") return;
  const what = run.files_synced ? `${count(run.files_synced, "file")}, ${size(run.total_size_bytes)} copied` : "there was nothing new";
  tell(`The sync is done: ${what}.`);
}

class Hero {
  constructor() {
    this.mark = h("span", { class: "mark" });
    this.heading = h("h1", { tabindex: -1 });
    this.text = h("p");
    this.buttons = h("div", { class: "buttons" });
    this.element = h("section", { class: "hero idle", "aria-label": "State" },
      this.mark, h("div", { class: "words" }, this.heading, this.text), this.buttons);
    this.drawn = "";
  }

  draw(status) {
    const { health } = status;
    setText(this.heading, health.title);
    setText(this.text, withLabels(health.text));
    const key = `${health.level} ${health.code} ${status.service_running} ${JSON.stringify(status.frozen)}`;
    if (key === this.drawn) return; // a button keeps its focus
    this.drawn = key;
    fill(this.mark, icon(health.level === "warn" && health.code === "running" ? "busy" : health.level, health.level === "busy" ? "icon spin" : "icon"));
    fill(this.buttons, this.actions(status));
    this.element.className = `hero ${health.level}${this.buttons.children.length > 1 ? " many" : ""}`;
  }

  actions({ health, frozen, last_sync: last, service_running: canSync }) {
    const sync = (kind = "", text = "Sync now") => h("button", { type: "button", class: kind, onclick: (event) => syncNow(event.currentTarget) }, text);
    const run = last && h("a", { class: "button plain", href: `#/runs/${last.id}` }, "Show the run");
    if (!session.canSteer) return ["failed", "broke_off", "files_failed", "unreadable", "unsendable"].includes(health.code) ? [run] : [];
    switch (health.code) {
      case "setup": return [h("a", { class: "button", href: "#/setup" }, "Set it up")];
      case "frozen": return [h("button", { type: "button", class: "danger", onclick: (event) => confirmChanges(event.currentTarget, frozen) }, frozen?.emptied_sources.length ? "Gone on purpose …" : "The changes are meant …"),
        sync("plain", "Look again")];
      case "failed": case "broke_off":
        return [sync(), run, h("a", { class: "button plain", href: "#/connection" }, "Examine the connection")];
      case "files_failed": case "unreadable": case "unsendable": return [run, sync("plain")];
      case "lost":
        return [h("button", { type: "button", class: "danger", onclick: (event) => acceptLosses(event.currentTarget, health.files.lost) }, "We know …"), sync("plain")];
      case "source_gone": return [sync(), h("a", { class: "button plain", href: "#/settings" }, "Look at the paths")];
      case "cut_off": return canSync ? [sync()] : [];
      case "running": case "service": case "ledger": return [];
      default: return [sync()];
    }
  }
}

function drawFacts(place, status) {
  const focused = place.contains(document.activeElement);
  const made = [waitingFact(status), lastFact(status), nextFact(status), heldFact(status)];
  const key = made.map((fact) => fact.textContent).join("|");
  if (key === place.dataset.key) return;
  place.dataset.key = key;
  fill(place, made);
  if (focused) place.querySelector("button")?.focus();
}

const fact = (name, value, ...more) => h("div", {},
  h("dt", {}, name), h("dd", { class: "big" }, capital(value)), more.map((line) => line && h("dd", { class: "small" }, line)));

function waitingFact({ health, now, current_sync: current }) {
  if (current) {
    const left = Math.max(current.files_due - current.files_done, 0);
    return fact("Waiting", count(left, "file"), `${size(Math.max(current.bytes_due - current.bytes_done, 0))}${current.is_total_known ? "" : " found so far"}, on their way`);
  }
  if (health.waiting_files === null) return fact("Waiting", "not known yet", "before the first look at the sources");
  const isUnseen = !health.is_whole || health.code === "source_gone" || health.code === "frozen";
  if (!health.waiting_files && isUnseen) return fact("Waiting", "not known", "the sources were not looked through");
  if (!health.waiting_files) return fact("Waiting", "nothing", health.looked_at && `looked ${ago(health.looked_at, now)}`);
  return fact("Waiting", `${number(health.waiting_files)}${health.is_whole ? "" : "+"} ${health.waiting_files === 1 ? "file" : "files"}`,
    `${size(health.waiting_bytes)}${health.lag_seconds ? `, for ${duration(health.lag_seconds)} at most` : ""}`);
}

function lastFact({ last_sync: run, now }) {
  if (!run) return fact("Last sync", "never");
  const what = run.files_synced ? `${count(run.files_synced, "file")}, ${size(run.total_size_bytes)}` : run.status === "success" ? "nothing new" : "nothing copied";
  return fact("Last sync", ago(run.completed_at, now), `${capital(run.status)}: ${what}`);
}

function nextFact({ configuration: schedule, current_sync: current, now, frozen, health }) {
  if (health.code === "setup") return fact("Next sync", "–");
  if (!schedule.sync_enabled) {
    const enable = h("button", { type: "button", class: "link", onclick: (event) => enableAuto(event.currentTarget) }, "Switch it on");
    return fact("Next sync", "by hand", ["Automatic sync is off. ", session.canSteer && enable]);
  }
  const every = `every ${duration(schedule.sync_interval * 60)}`;
  if (frozen) return fact("Next sync", "stands still", "until the changes are confirmed");
  if (current) return fact("Next sync", "on now", every);
  return fact("Next sync", schedule.next_sync_at <= now ? "due now" : ago(schedule.next_sync_at, now), every);
}

function enableAuto(button) {
  during(button, async () => {
    await api.changeSettings({ sync_enabled: true });
    tell("Automatic sync is on.");
    await askNow();
  });
}

// What the ledger holds to be there now; a verification's finding stays until it is mended.
function heldFact({ health, last_verification: seen, now }) {
  const { held, verified, read_back: readBack, hashed, sized, wrong, lost } = health.files;
  const element = fact("Off-site", count(held, "file"), `${number(verified)} of them verified by content`);
  const proofs = [[readBack, "read back"], [hashed, "by the server's own hash"], [sized, "by size only"]];
  const proven = proofs.filter(([files]) => files).map(([files, how]) => `${number(files)} ${how}`);
  if (proven.length) element.append(h("dd", { class: "small" }, `Proof: ${proven.join(", ")}`));
  const unmended = wrong + lost;
  if (unmended) {
    element.append(h("dd", { class: "small" }, `${number(unmended)} found damaged or missing, not mended yet`));
  } else if (seen) {
    const found = seen.files_differing + seen.files_missing;
    element.append(h("dd", { class: "small", title: when(seen.completed_at, now) },
      `Last check ${ago(seen.completed_at, now)}: ${count(seen.files_checked, "file")}, ${found ? `${number(found)} wrong, sent again since` : "all right"}`));
  }
  return element;
}

function drawWarnings(place, status) {
  const texts = [...status.warnings.filter((text) => !text.startsWith(FROZEN) && !text.startsWith("nothing can be recorded")),
    ...status.unconfirmed_changes.map(({ text }) => text)];
  const key = texts.join("|");
  if (key === place.dataset.key) return;
  place.dataset.key = key;
  place.hidden = texts.length === 0;
  fill(place, texts.map((text) => h("li", { class: "notice warn" }, icon("warn"), h("span", {}, `${capital(withLabels(text))}.`))));
}
