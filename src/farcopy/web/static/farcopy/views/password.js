// Change my own password; also where a generated one leads until it is changed.

import { api } from "../api.js";
import { h } from "../dom.js";
import { during } from "../failure.js";
import { Form } from "../form.js";
import { tell } from "../notice.js";
import { session } from "../session.js";

export const title = () => "Change password";

export function open(main) {
  const isForced = session.account.must_change_password;
  const form = new Form([
    { name: "current_password", label: "Current password", type: "password", autocomplete: "current-password" },
    { name: "new_password", label: "New password", type: "password", autocomplete: "new-password",
      hint: "8 characters or more; a sentence is easy to remember." },
  ]);
  const button = h("button", {}, "Change password");
  main.append(h("form", { class: "panel narrow", novalidate: true, onsubmit: submit },
    h("div", { class: "page-head" },
      h("h1", { tabindex: -1 }, isForced ? "Choose a new password" : "Change password"),
      h("p", {}, isForced ? "Yours was generated. Choose one of your own; then you are in."
        : "Your other sessions end; this one goes on.")),
    form.elements,
    h("div", { class: "buttons spaced" }, button)));
  if (isForced) form.field("current_password").focus();

  function submit(event) {
    event.preventDefault();
    during(button, async () => {
      const account = await form.send(() => api.changePassword(form.values()));
      if (!account) return;
      if (window.location.hash === "#/password") window.history.replaceState(null, "", "#/");
      session.begin(account);
      tell("The password is changed.");
    });
  }
}
