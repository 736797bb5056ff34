// The audit trail: who did what, when, from where; whether anybody has changed it; and all as a file.

import { api, asQuery } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { during } from "../failure.js";
import { number } from "../format.js";

export const title = () => "Audit";
const PAGE = 50;
const NAMES = ["username", "action", "status", "since", "until"];
const POLLS = "polls";

export async function open(main, { query }) {
  const wanted = Object.fromEntries(NAMES.map((name) => [name, query.get(name) || ""]));
  // What this page asks by itself, each second of a run, would hide what people do.
  wanted[POLLS] = query.get(POLLS) || "false";
  const body = h("tbody");
  const place = h("div", {});
  const seal = h("div", {});
  const table = h("table", { class: "cards" },
    h("caption", { class: "hidden-text" }, "Audit trail, the newest first"),
    h("thead", {}, h("tr", {}, ["When", "Who", "What", "Answer", "From"].map((text) => h("th", { scope: "col" }, text)))), body);
  const more = h("button", { type: "button", class: "plain", hidden: true, onclick: (event) => during(event.currentTarget, next) }, "Older entries");
  main.append(
    h("div", { class: "head page-head" },
      h("div", {}, h("h1", { tabindex: -1 }, "Audit trail"), h("p", {}, "Every call, refused ones too: who, what, when, from where. Values and passwords are never in it.")),
      h("div", { class: "buttons" }, download("CSV", "csv", wanted), download("JSON lines", "jsonl", wanted))),
    h("div", { class: "stack" }, seal,
      h("section", { class: "panel", "aria-label": "Entries" }, filters(wanted), place, h("div", { class: "more" }, more))));
  let before = "";

  async function next() {
    const { data } = await api.audit({ ...wanted, before, limit: PAGE });
    fill(seal, sealNotice(data.chain));
    body.append(...data.entries.map(entryRow));
    before = data.next_before ?? "";
    more.hidden = data.next_before === null;
    if (!body.children.length) fill(place, h("p", { class: "empty" }, "No entry is like this."));
    else if (!table.isConnected) fill(place, table);
  }

  await next();
}

// Whether every entry is as it was written: the trail is sealed entry by entry.
function sealNotice(chain) {
  const checked = chain.checked_at && `checked ${chain.checked_at}, ${number(chain.entries_checked)} entries`;
  if (chain.status === "ok") {
    return h("p", { class: "notice good" }, icon("good"), h("span", {}, h("strong", {}, "Verified: "), `nobody has changed this trail (${checked}).`));
  }
  if (chain.status === "broken") {
    return h("div", { class: "notice bad" }, icon("bad"), h("span", {}, h("strong", {}, "This trail was changed. "), checked ? `${checked}.` : "",
      h("ul", {}, chain.problems.map((problem) => h("li", {}, problem))),
      "It is told until somebody takes note of it at the machine: farcopy audit acknowledge."));
  }
  return h("p", { class: "notice idle" }, icon("idle"), h("span", {}, "Not verified yet: the service does it by itself, or run farcopy audit verify."));
}

function entryRow(entry) {
  const level = entry.response_status === null || entry.response_status < 400 ? "good" : entry.response_status < 500 ? "warn" : "bad";
  return h("tr", {},
    h("td", { class: "nowrap" }, entry.created_at),
    h("td", { class: "path" }, entry.username || "–"),
    h("td", {}, h("div", {}, entry.action), detail(entry)),
    h("td", {}, h("span", { class: `badge ${level}` }, entry.response_status ?? "done", entry.details.code && ` ${entry.details.code}`)),
    h("td", { class: "path", "data-label": "From" }, entry.ip_address || "–"));
}

function detail({ details }) {
  const words = [...(details.fields || []), ...Object.entries(details)
    .filter(([name]) => !["fields", "request_id", "method", "path", "code", "unknown_fields"].includes(name))
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)];
  return words.length > 0 && h("div", { class: "reason path" }, words.join(", "));
}

function filters(wanted) {
  const field = (name, label, more = {}) => h("label", {}, h("span", { class: "label" }, label), h("input", { name, value: wanted[name], autocomplete: "off", ...more }));
  const form = h("form", { class: "filters", onsubmit: apply, onchange: apply },
    field("username", "Account", { maxlength: 150 }), field("action", "Action", { maxlength: 80, placeholder: "auth.login" }),
    field("status", "Answer", { inputmode: "numeric", placeholder: "401" }),
    field("since", "From", { type: "date" }), field("until", "Until before", { type: "date" }),
    h("div", { class: "choice" }, h("input", { type: "checkbox", id: POLLS, name: POLLS, value: "true", checked: wanted[POLLS] === "true" }), h("label", { for: POLLS }, "With what pages ask by themselves")),
    h("button", { class: "plain" }, "Filter"),
    (NAMES.some((name) => wanted[name]) || wanted[POLLS] === "true") && h("a", { href: "#/audit", class: "button plain" }, "Show all"));

  function apply(event) {
    event.preventDefault();
    const given = [...new FormData(form)].filter(([, value]) => value);
    window.location.hash = given.length ? `#/audit?${new URLSearchParams(given)}` : "#/audit";
  }
  return form;
}

const download = (text, format, wanted) => h("a", { class: "button plain", href: `/api/audit/export.php${asQuery({ format, ...wanted, [POLLS]: "" })}`, download: true }, `Download ${text}`);
