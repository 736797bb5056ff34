// Runs as a table; on a phone each row is a card.

import { runBadge } from "./badge.js";
import { h } from "./dom.js";
import { capital, count, duration, size, when } from "./format.js";

const HEADS = [["Started", ""], ["Status", ""], ["Asked by", ""], ["Files", "number"], ["Size", "number"], ["Took", "number"]];

export function runTable(caption) {
  const body = h("tbody");
  const table = h("table", { class: "cards" },
    h("caption", { class: "hidden-text" }, caption),
    h("thead", {}, h("tr", {}, HEADS.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
    body);
  return { table, body };
}

export function runRow(run, now) {
  return h("tr", {},
    h("td", { class: "nowrap" },
      h("a", { href: `#/runs/${run.id}`, title: run.started_at }, capital(when(run.started_at, now)))),
    h("td", {}, runBadge(run)),
    h("td", { "data-label": "Asked by" }, run.requested_by || run.sync_type),
    h("td", { class: "number" }, count(run.files_synced, "file")),
    h("td", { class: "number" }, size(run.total_size_bytes)),
    h("td", { class: "number", "data-label": "Took" }, duration(run.duration_seconds)));
}
