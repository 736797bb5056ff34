// The settings for who may only read them.

import { api } from "../api.js";
import { h } from "../dom.js";
import { FIELDS, GROUPS, labelOf, shownValue } from "../settings_fields.js";

export const title = () => "Settings";

export async function open(main) {
  const { configuration } = (await api.settings()).data;
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "Settings"),
      h("p", {}, "What is copied, where to, and when. Your role reads them; an admin changes them.")),
    h("div", { class: "stack" }, GROUPS.map(({ name, fields }) => h("section", { class: "panel form-grid", "aria-label": name },
      h("div", { class: "about" }, h("h2", {}, name)),
      h("dl", { class: "read" }, fields.map((field) => h("div", {},
        h("dt", {}, labelOf(field)), h("dd", { class: "path" }, said(field, configuration[field])))))))));
}

function said(field, value) {
  if (field === "ftp_password") return value === null ? "none" : "stored, never shown";
  if (Array.isArray(value)) return value.length ? value.join(", ") : "nothing";
  const unit = FIELDS[field].unit?.split(",")[0];
  return unit && !unit.startsWith("1 to") ? `${value} ${unit}` : shownValue(field, value);
}
