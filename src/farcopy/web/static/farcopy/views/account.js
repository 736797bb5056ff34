// My account: the password, the second factor, and where I am signed in.

import { api } from "../api.js";
import { ask } from "../dialog.js";
import { fill, h } from "../dom.js";
import { during } from "../failure.js";
import { count } from "../format.js";
import { tell } from "../notice.js";
import { secondFactorPanel } from "../second_factor.js";
import { session } from "../session.js";

export const title = () => "My account";

export async function open(main) {
  const sessions = await sessionsPanel();
  const secondFactor = await secondFactorPanel(sessions.refresh);
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "My account"),
      h("p", {}, `${session.account.username}, with the role ${session.account.role}.`)),
    h("div", { class: "stack" },
      h("section", { class: "panel form-grid", "aria-labelledby": "password-heading" },
        h("div", { class: "about" }, h("h2", { id: "password-heading" }, "Password"), h("p", {}, "A new one ends your other sessions.")),
        h("div", {}, h("a", { class: "button plain", href: "#/password" }, "Change my password"))),
      secondFactor, sessions.element));
}

async function sessionsPanel() {
  const body = h("tbody");
  const others = h("button", { type: "button", class: "plain", onclick: (event) => endOthers(event.currentTarget) }, "End all others");
  const all = h("button", { type: "button", class: "danger", onclick: (event) => endAll(event.currentTarget) }, "End all");
  await refresh();
  const element = h("section", { class: "panel", "aria-labelledby": "sessions-heading" },
    h("div", { class: "head" },
      h("div", {}, h("h2", { id: "sessions-heading" }, "Where you are signed in"),
        h("p", { class: "quiet-text" }, "One you do not know? End it, and change your password.")),
      h("div", { class: "buttons" }, others, all)),
    h("table", { class: "cards" },
      h("caption", { class: "hidden-text" }, "Sessions, the last used first"),
      h("thead", {}, h("tr", {}, ["Browser", "From", "Signed in", "Last used"].map((text) => h("th", { scope: "col" }, text)),
        h("th", { scope: "col" }, h("span", { class: "hidden-text" }, "Actions")))),
      body));
  return { element, refresh };

  async function refresh() {
    const found = (await api.sessions()).data.sessions;
    fill(body, found.map(row));
    others.hidden = found.length < 2;
  }

  function row(one) {
    return h("tr", {},
      h("td", {}, one.browser || "Unknown", one.is_this && h("span", { class: "quiet-text" }, " (this one)")),
      h("td", { class: "path", "data-label": "From" }, one.ip_address || "–"),
      h("td", { "data-label": "Signed in" }, one.signed_in_at.slice(0, 16)),
      h("td", { "data-label": "Last used" }, one.last_used_at.slice(0, 16)),
      h("td", { class: "number" }, !one.is_this && h("button", { type: "button", class: "plain small-button", "aria-label": `End the session ${one.browser} of ${one.signed_in_at}`, onclick: (event) => endOne(event.currentTarget, one) }, "End")));
  }

  function endOne(button, one) {
    return during(button, async () => {
      try {
        await api.endSession(one.session);
        tell("That session has ended.");
      } finally {
        await refresh();
      }
    });
  }

  function endOthers(button) {
    return during(button, async () => {
      const { data } = await api.endSessions({ with_this: false });
      tell(`${count(data.sessions, "other session")} ended.`);
      await refresh();
    });
  }

  async function endAll(button) {
    if (!(await ask("End all your sessions?", "You are signed out here too.", "End all"))) return;
    await during(button, async () => {
      await api.endSessions({ with_this: true });
      session.end({ isWanted: true });
    });
  }
}
