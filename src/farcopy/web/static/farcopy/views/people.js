// Accounts: who may sign in, as what; added, changed, and given new passwords that are shown once.

import { api } from "../api.js";
import { badge } from "../badge.js";
import { ask } from "../dialog.js";
import { fill, h, icon, setText } from "../dom.js";
import { during } from "../failure.js";
import { Form } from "../form.js";
import { capital } from "../format.js";
import { tell } from "../notice.js";
import { session } from "../session.js";
import { tokensPanels } from "../tokens_panel.js";

export const title = () => "People";
const ROLES = [["admin", "Admin"], ["auditor", "Auditor"], ["radiologist", "Radiologist"], ["technician", "Technician"], ["viewer", "Viewer"]];
const CAN = "Sees and steers everything here: settings, syncs, accounts, the audit trail.";
const CANNOT = "May sign in and change the own password, and nothing else: no status, no settings, no sync. Only admins and auditors use farcopy; this role is for the viewer beside it.";
const READS = "Reads everything here, and changes nothing.";
const meaning = (role) => ({ admin: CAN, auditor: READS })[role] || CANNOT;

export async function open(main) {
  const body = h("tbody");
  const told = h("div", { role: "status" });
  const table = h("table", { class: "cards" },
    h("caption", { class: "hidden-text" }, "Accounts"),
    h("thead", {}, h("tr", {}, ["Name", "Role", "State", "Last signed in"].map((text) => h("th", { scope: "col" }, text)),
      h("th", { scope: "col" }, h("span", { class: "hidden-text" }, "Actions")))),
    body);
  main.append(
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, "People"),
      h("p", {}, "Only admins may steer farcopy; auditors read all of it. The other roles are kept for the viewer.")),
    h("div", { class: "stack" }, told, h("section", { class: "panel", "aria-label": "Accounts" }, table), session.canSteer && adding(),
      await tokensPanels()));
  await refresh();

  async function refresh() {
    const { users, with_otp: withOtp } = (await api.people()).data;
    fill(body, users.map((person) => row(person, withOtp.includes(person.username))));
  }

  function adding() {
    const form = new Form([
      { name: "username", label: "User name" },
      { name: "role", label: "Role", type: "select", choices: ROLES, value: "admin", hint: CAN },
    ], explainRole);
    const button = h("button", {}, "Add");
    return h("form", { class: "panel form-grid", novalidate: true, onsubmit: submit },
      h("div", { class: "about" }, h("h2", {}, "Add an account"),
        h("p", {}, "A password is made up and shown once; it must be changed at the first sign-in.")),
      h("div", {}, form.elements, h("div", { class: "buttons spaced" }, button)));

    function explainRole() {
      setText(form.element("role").querySelector(".hint"), meaning(form.field("role").value));
    }

    function submit(event) {
      event.preventDefault();
      during(button, async () => {
        const added = await form.send(() => api.addPerson(form.values()));
        if (!added) return;
        showPassword(added);
        form.set({ username: "", role: "admin" });
        explainRole();
        await refresh();
      });
    }
  }

  function row(person, hasOtp) {
    const isMe = person.username === session.account.username;
    return h("tr", {},
      h("td", { class: "path" }, person.username, isMe && h("span", { class: "quiet-text" }, " (you)")),
      h("td", {}, roleChoice(person, isMe)),
      h("td", {}, states(person), hasOtp && h("div", { class: "reason" }, "with a second factor")),
      h("td", { "data-label": "Last signed in" }, person.last_login_at?.slice(0, 16) ?? "never"),
      h("td", { class: "wide" }, h("div", { class: "buttons" }, actions(person, isMe, hasOtp))));
  }

  function roleChoice(person, isMe) {
    if (isMe || !session.canSteer) return capital(person.role);
    return h("select", { class: "compact", "aria-label": `Role of ${person.username}`, onchange: (event) => change(event.currentTarget, person, { role: event.currentTarget.value }) },
      ROLES.map(([value, text]) => h("option", { value, selected: value === person.role }, text)));
  }

  function actions(person, isMe, hasOtp) {
    if (isMe) return h("a", { href: "#/account", class: "button plain small-button" }, "My account");
    if (!session.canSteer) return [];
    const button = (text, work, kind = "plain") => h("button", { type: "button", class: `${kind} small-button`, "aria-label": `${text}: ${person.username}`, onclick: (event) => work(event.currentTarget) }, text);
    return [
      person.is_locked_out && button("Unlock", (target) => work(target, () => api.unlock(person.username), `${person.username} may try again.`)),
      button("End sessions", (target) => work(target, () => api.endUserSessions(person.username), `${person.username} is signed out everywhere.`)),
      hasOtp && button("Take second factor away", (target) => takeOtp(target, person)),
      button("New password", (target) => reset(target, person)),
      person.is_active ? button("Disable", (target) => disable(target, person), "danger")
        : button("Enable", (target) => change(target, person, { is_active: true })),
    ];
  }

  const change = (target, person, changes) => work(target, () => api.changePerson({ username: person.username, ...changes }), `${person.username} is changed.`);

  async function disable(target, person) {
    const text = `${person.username} is signed out at once and cannot sign in until enabled again.`;
    if (await ask(`Disable ${person.username}?`, text, "Disable")) await change(target, person, { is_active: false });
  }

  async function takeOtp(target, person) {
    const text = "For who has lost telephone and recovery codes. From then on the password alone signs in: be sure who asks for it.";
    if (await ask(`Take ${person.username}'s second factor away?`, text, "Take it away")) {
      await work(target, () => api.resetOtp(person.username), `${person.username} signs in with the password alone.`);
    }
  }

  async function reset(target, person) {
    const text = `${person.username}'s sessions end at once, and the old password no longer works. The new one is shown once.`;
    if (!(await ask(`A new password for ${person.username}?`, text, "Make one up", ""))) return;
    await work(target, async () => showPassword((await api.resetPassword(person.username)).data));
  }

  async function work(target, call, message = "") {
    await during(target, async () => {
      try {
        await call();
        if (message) tell(message);
      } finally {
        await refresh();
      }
    });
  }

  function showPassword({ username, password }) {
    if (!password) return;
    const value = h("code", { class: "mono secret" }, password);
    fill(told, h("div", { class: "notice good" }, icon("good"),
      h("span", {}, `The password of ${username} is `, value, ". It is shown this once: hand it over now."),
      h("button", { type: "button", class: "link", onclick: () => told.replaceChildren() }, "Done")));
    told.scrollIntoView({ block: "center" });
  }
}

function states(person) {
  return [
    person.is_active ? badge("active") : badge("disabled"),
    person.is_locked_out && [" ", badge("locked")],
    person.must_change_password && h("div", { class: "reason" }, "must change the password"),
  ];
}
