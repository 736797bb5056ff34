// The whole history, filtered by the address and read page by page.

import { api } from "../api.js";
import { fill, h } from "../dom.js";
import { during } from "../failure.js";
import { runRow, runTable } from "../run_table.js";

export const title = () => "Runs";
const PAGE = 50;
const STATUSES = [["", "Any status"], ["success", "Success"], ["partial", "Partial"], ["failed", "Failed"], ["running", "Running"]];
const TYPES = [["", "Anybody"], ["manual", "By hand"], ["scheduled", "The schedule"], ["monitoring", "Monitoring"]];

export async function open(main, { query }) {
  const wanted = Object.fromEntries(["status", "type", "since", "until"].map((name) => [name, query.get(name) || ""]));
  const { table, body } = runTable("Runs, the newest first");
  const place = h("div", {});
  const more = h("button", { type: "button", class: "plain", hidden: true, onclick: (event) => during(event.currentTarget, next) }, "Older runs");
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "Runs"), h("p", {}, "Every sync there was, and what became of each file.")),
    h("section", { class: "panel" }, filters(wanted), place, h("div", { class: "more" }, more)));
  let before = "";

  async function next() {
    const answer = await api.runs({ ...wanted, until: dayAfter(wanted.until), before, limit: PAGE });
    const { runs, now, next_before: following } = answer.data;
    body.append(...runs.map((run) => runRow(run, now)));
    before = following ?? "";
    more.hidden = following === null;
    if (!body.children.length) fill(place, h("p", { class: "empty" }, "No run is like this."));
    else if (!table.isConnected) fill(place, table);
  }

  await next();
}

function filters(wanted) {
  const form = h("form", { class: "filters", onchange: apply, onsubmit: apply },
    choice("status", "Status", STATUSES, wanted.status),
    choice("type", "Asked by", TYPES, wanted.type),
    date("since", "From", wanted.since),
    date("until", "Until", wanted.until),
    Object.values(wanted).some(Boolean) && h("a", { href: "#/runs", class: "button plain" }, "Show all"));

  function apply(event) {
    event.preventDefault();
    const given = [...new FormData(form)].filter(([, value]) => value);
    window.location.hash = given.length ? `#/runs?${new URLSearchParams(given)}` : "#/runs";
  }
  return form;
}

const choice = (name, label, choices, value) => h("label", {}, h("span", { class: "label" }, label),
  h("select", { name }, choices.map(([key, text]) => h("option", { value: key, selected: key === value }, text))));
const date = (name, label, value) => h("label", {}, h("span", { class: "label" }, label), h("input", { type: "date", name, value }));

// "Until" means that day too; the API counts up to the moment it begins.
function dayAfter(day) {
  if (!day) return "";
  const date = new Date(`${day}T00:00:00Z`);
  return new Date(date.getTime() + 86400e3).toISOString().slice(0, 10);
}
