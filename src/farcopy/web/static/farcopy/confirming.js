// Asks for the password again before what a session alone must not do. Resolves to whether it
// was given and taken.

import { api, ApiError } from "./api.js";
import { h, setText } from "./dom.js";
import { session } from "./session.js";

export function askForPassword() {
  return new Promise((resolve) => {
    let isGiven = false;
    const error = h("p", { class: "error", role: "alert" });
    const name = h("input", { type: "text", name: "username", autocomplete: "username", value: session.account.username, readonly: true, hidden: true });
    const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true, autofocus: true });
    const otp = h("input", { name: "otp", autocomplete: "one-time-code", maxlength: 40, spellcheck: "false", autocapitalize: "none" });
    const code = h("label", { class: "field", hidden: true }, h("span", { class: "label" }, "Code"), otp,
      h("span", { class: "hint" }, "From your authenticator app, or a recovery code."));
    const button = h("button", {}, "Go on");
    const dialog = h("dialog", { "aria-labelledby": "dialog-heading" },
      h("h2", { id: "dialog-heading" }, "Your password again"),
      h("p", {}, "This changes who gets in, or where images go. It counts for five minutes."),
      h("form", { onsubmit: submit },
        name,
        h("label", { class: "field" }, h("span", { class: "label" }, "Password"), password),
        code,
        error,
        h("div", { class: "buttons spaced" }, button,
          h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Leave it"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isGiven);
    });
    document.body.append(dialog);
    dialog.showModal();

    async function submit(event) {
      event.preventDefault();
      if (button.getAttribute("aria-busy") === "true") return;
      button.setAttribute("aria-busy", "true");
      try {
        await api.confirm({ password: password.value, ...(code.hidden ? {} : { otp: otp.value }) });
        isGiven = true;
        dialog.close();
      } catch (refused) {
        if (!(refused instanceof ApiError)) throw refused;
        if (refused.isSignedOut) {
          dialog.close(); // the call itself then leads to sign-in
          return;
        }
        if (refused.code === "otp_required" || refused.code === "bad_otp") {
          setText(error, refused.code === "bad_otp" ? `${refused.message}.` : "");
          code.hidden = false;
          otp.value = "";
          otp.focus();
          return;
        }
        setText(error, refused.code === "wrong_password" ? "That is not your password."
          : refused.retryAfter ? `${refused.message}: in ${Math.ceil(refused.retryAfter / 60)} min.` : `${refused.message}.`);
        password.value = "";
        password.focus();
      } finally {
        button.removeAttribute("aria-busy");
      }
    }
  });
}
