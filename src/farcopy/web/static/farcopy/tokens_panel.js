// API tokens on the people's view: which there are, a new one that is shown once, revoke one.

import { api } from "./api.js";
import { badge } from "./badge.js";
import { ask } from "./dialog.js";
import { fill, h, icon } from "./dom.js";
import { during } from "./failure.js";
import { Form } from "./form.js";
import { tell } from "./notice.js";
import { session } from "./session.js";

const SCOPES = [["read", "Read", "Status, settings and history"], ["sync", "Sync", "Start and cancel a sync, test the connection"], ["configure", "Configure", "Change settings; a change of where images go is told on the overview"]];

export async function tokensPanels() {
  const told = h("div", { role: "status" });
  const body = h("tbody");
  const place = h("div", {});
  const table = h("table", { class: "cards" },
    h("caption", { class: "hidden-text" }, "API tokens, the newest first"),
    h("thead", {}, h("tr", {}, ["Token", "May", "Until", "Last used"].map((text) => h("th", { scope: "col" }, text)),
      h("th", { scope: "col" }, h("span", { class: "hidden-text" }, "Actions")))),
    body);
  await refresh();
  return [told,
    h("section", { class: "panel", "aria-labelledby": "tokens-heading" },
      h("div", { class: "head" }, h("div", {}, h("h2", { id: "tokens-heading" }, "API tokens"),
        h("p", { class: "quiet-text" }, "For programs: instead of a password, for as little as they need, and not for ever."))),
      place),
    session.canSteer && adding()];

  async function refresh() {
    const { tokens } = (await api.tokens()).data;
    fill(body, tokens.map(row));
    fill(place, tokens.length ? table : h("p", { class: "empty" }, "There is none."));
  }

  function row(token) {
    return h("tr", {},
      h("td", { class: "path" }, token.name, h("div", { class: "reason" }, `${token.hint}…, of ${token.username}`)),
      h("td", {}, token.scopes.join(", ")),
      h("td", { "data-label": "Until" }, token.is_over ? badge("over") : token.expires_at.slice(0, 10)),
      h("td", { "data-label": "Last used" }, token.last_used_at ? `${token.last_used_at.slice(0, 16)} from ${token.last_used_address || "?"}` : "never"),
      h("td", { class: "number" }, session.canSteer && h("button", { type: "button", class: "danger small-button", "aria-label": `Revoke: ${token.name}`, onclick: (event) => revoke(event.currentTarget, token) }, "Revoke")));
  }

  async function revoke(button, token) {
    if (!(await ask(`Revoke ${token.name}?`, "The program that uses it is refused at its next call.", "Revoke"))) return;
    await during(button, async () => {
      try {
        await api.revokeToken(token.id);
        tell(`${token.name} is revoked.`);
      } finally {
        await refresh();
      }
    });
  }

  function adding() {
    const form = new Form([
      { name: "name", label: "What it is for" },
      ...SCOPES.map(([name, label, hint]) => ({ name, label, hint: `${hint}.`, type: "checkbox", value: name === "read" })),
      { name: "days", label: "Good for", type: "number", unit: "days, 365 at most", value: 90 },
    ]);
    const button = h("button", {}, "Make a token");
    return h("form", { class: "panel form-grid", novalidate: true, onsubmit: submit },
      h("div", { class: "about" }, h("h2", {}, "Make a token"), h("p", {}, "It is shown once, and acts in your name. It never opens accounts or tokens.")),
      h("div", {}, form.elements, h("div", { class: "buttons spaced" }, button)));

    function submit(event) {
      event.preventDefault();
      during(button, async () => {
        const { name, days, ...may } = form.values();
        const scopes = SCOPES.map(([scope]) => scope).filter((scope) => may[scope]);
        const made = await form.send(() => api.addToken({ name, days, scopes }), async (error) => {
          if (!error.fields.scopes) return false;
          form.showErrors({ fields: { ...error.fields, read: "One of these is needed" } });
          return true;
        });
        if (!made) return;
        fill(told, h("div", { class: "notice good" }, icon("good"),
          h("span", {}, `The token ${made.name} is `, h("code", { class: "mono secret" }, made.token), ". It is shown this once: copy it now."),
          h("button", { type: "button", class: "link", onclick: () => told.replaceChildren() }, "Done")));
        told.scrollIntoView({ block: "center" });
        form.set({ name: "" });
        await refresh();
      });
    }
  }
}
