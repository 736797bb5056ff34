// All settings on one page: nothing is stored until it is saved, and then all of it or nothing.

import { h, setText } from "../dom.js";
import { Draft } from "../draft.js";
import { during } from "../failure.js";
import { Form } from "../form.js";
import { count } from "../format.js";
import { tell } from "../notice.js";
import { GROUPS, specs } from "../settings_fields.js";
import { StoredSettings, tellChanges } from "../stored_settings.js";
import { askNow } from "../watch.js";

export const title = () => "Settings";

export async function open(main, { query }) {
  const stored = await StoredSettings.read();
  const names = GROUPS.flatMap((group) => group.fields);
  const form = new Form(specs(names, stored.values), edited);
  const draft = new Draft("settings", form, stored);
  const changed = h("span");
  const save = h("button", {}, "Save changes");
  const meanwhile = h("div", {});
  const bar = h("div", { class: "save-bar", hidden: true }, changed,
    h("button", { type: "button", class: "plain", onclick: discard }, "Discard"), save);
  main.append(h("form", { novalidate: true, onsubmit: submit },
    h("div", { class: "head page-head" },
      h("div", {}, h("h1", { tabindex: -1 }, "Settings"), h("p", {}, "What is copied, where to, and when.")),
      h("a", { class: "button plain", href: "#/connection" }, "Examine the connection")),
    meanwhile,
    h("div", { class: "stack" }, GROUPS.map((group) => groupPanel(group, form))), bar));
  takeUp(draft.restore());
  const pinned = query.get("fingerprint");
  if (pinned) offerPin(form, pinned, stored.values);
  showBar();

  // What was typed before one went elsewhere, or before the session ended.
  function takeUp(kept) {
    if (!kept) return;
    const lost = kept.hadSecret ? " A password is not kept: type it again." : "";
    tell(`What you had typed is still here, and not saved yet.${lost}`, "idle");
    if (kept.version !== stored.version) tellChanges(form, meanwhile, kept.values, stored.values);
  }

  function edited() {
    draft.keep();
    showBar();
  }

  function showBar() {
    const number = Object.keys(form.changes()).length;
    bar.hidden = number === 0;
    setText(changed, `${count(number, "change")} not saved yet`);
  }

  function settle() {
    form.set({ ...stored.values, ftp_password: "" });
    draft.drop();
    meanwhile.replaceChildren();
    showBar();
    main.querySelector("h1").focus();
  }

  function discard() {
    form.clearErrors();
    settle();
  }

  function submit(event) {
    event.preventDefault();
    during(save, async () => {
      const isSaved = await stored.save(form, meanwhile);
      if (!isSaved) {
        edited();
        return;
      }
      settle();
      tell("Saved.", "good", { text: "Examine the connection", work: () => { window.location.hash = "#/connection"; } });
      askNow(); // not waited for: the next save is not to be swallowed meanwhile
    });
  }
}

function groupPanel({ name, about, fields }, form) {
  const id = `group-${fields[0]}`;
  const [first, second] = fields;
  const isPair = second === "ftp_port";
  return h("section", { class: "panel form-grid", "aria-labelledby": id },
    h("div", { class: "about" }, h("h2", { id }, name), h("p", {}, about)),
    h("div", {},
      isPair && h("div", { class: "side-by-side" }, form.element(first), form.element(second)),
      fields.slice(isPair ? 2 : 0).map((field) => form.element(field))));
}

// Comes from the connection check: the field is filled in, and nothing is saved by itself.
function offerPin(form, fingerprint, settings) {
  form.field("ftp_tls_fingerprint").value = fingerprint;
  tell("Compare this fingerprint with the one your host tells you, by telephone or on his page; then give the password and save.", "warn");
  const target = settings.ftp_password === null ? "ftp_tls_fingerprint" : "ftp_password";
  form.field(target).setAttribute("autofocus", "");
}
