// The settings as they are stored, with their version: read, changed, and told apart from what
// another admin has stored meanwhile.

import { api } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { FIELDS, labelOf, shownValue } from "./settings_fields.js";

const LOGIN = ["ftp_host", "ftp_port", "ftp_username"];

export class StoredSettings {
  static async read() {
    const stored = new StoredSettings();
    await stored.refresh();
    return stored;
  }

  async refresh() {
    const answer = await api.settings();
    this.values = answer.data.configuration;
    this.version = answer.version;
  }

  // A password goes to the server that stands on this page, and to no other.
  withLogin(changes) {
    if (!changes.ftp_password) return changes;
    return { ...Object.fromEntries(LOGIN.map((name) => [name, this.values[name]])), ...changes };
  }

  // Whether what was typed is stored now. If not, what hinders stands at its field, or at `place`.
  async save(form, place) {
    place.replaceChildren();
    const saved = await form.send(async () => {
      const answer = await api.changeSettings(this.withLogin(form.changes()), this.version);
      this.version = answer.version;
      return answer;
    }, async (error) => {
      if (error.code !== "changed_meanwhile") return false;
      const { values } = this;
      await this.refresh();
      form.rebase({ ...this.values, ftp_password: "" });
      dropMovedPassword(form, values, this.values);
      tellChanges(form, place, values, this.values);
      return true;
    });
    if (saved) this.values = saved;
    return saved !== null;
  }
}

// A password that was typed for one server is not one click away from another.
function dropMovedPassword(form, before, now) {
  const isMoved = [...LOGIN, "ftp_tls", "ftp_tls_ca", "ftp_tls_fingerprint"].some((name) => before[name] !== now[name]);
  if (!isMoved || !form.changes().ftp_password) return;
  form.edit({ ftp_password: "" });
  form.showErrors({ fields: { ftp_password: "where it goes was changed: look, then type it again" } });
}

// What somebody else has changed: before, now, and what one has typed oneself, which stays on top.
export function tellChanges(form, place, before, now) {
  const names = Object.keys(FIELDS).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
  const typed = form.changes();
  const heading = h("h2", { tabindex: -1 }, "Somebody has changed the settings meanwhile");
  fill(place, h("section", { class: "notice warn meanwhile", role: "alert" }, icon("warn"),
    h("div", {}, heading,
      names.length > 0 ? h("ul", {}, names.map((name) => line(form, name, before, now, typed)))
        : h("p", {}, "What can be shown of them is as it was; the password may be another one."),
      h("p", {}, "Nothing of yours is stored yet. What you have typed stands in the form, on top of theirs: look, then save again."))));
  heading.focus();
}

function line(form, name, before, now, typed) {
  const isMine = name in typed;
  const item = h("li", {}, h("strong", {}, `${labelOf(name)}: `),
    `${shownValue(name, now[name])} now, ${shownValue(name, before[name])} before`);
  if (!isMine) return item;
  const mine = h("span", {}, `; yours: ${shownValue(name, typed[name])} `);
  const take = h("button", { type: "button", class: "link", "aria-label": `Take theirs: ${labelOf(name)}`, onclick: () => {
    form.edit({ [name]: now[name] });
    mine.remove();
    form.field(name).dispatchEvent(new Event("input", { bubbles: true }));
    form.field(name).focus();
  } }, "Take theirs");
  mine.append(take);
  item.append(mine);
  return item;
}
