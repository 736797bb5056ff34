// Sign-in. The address is left alone: after it one is where one wanted to be.

import { api } from "../api.js";
import { h, icon, setText } from "../dom.js";
import { hasDrafts } from "../draft.js";
import { during } from "../failure.js";
import { session } from "../session.js";

export const title = () => "Sign in";

export function open(main) {
  const error = h("p", { class: "error", role: "alert" });
  const name = h("input", { name: "username", autocomplete: "username", required: true, maxlength: 150, autofocus: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const otp = h("input", { name: "otp", autocomplete: "one-time-code", inputmode: "text", maxlength: 40, spellcheck: "false", autocapitalize: "none" });
  const code = h("label", { class: "field", hidden: true }, h("span", { class: "label" }, "Code"), otp,
    h("span", { class: "hint" }, "From your authenticator app, or a recovery code."));
  const button = h("button", {}, "Sign in");
  const form = h("form", { class: "panel narrow", onsubmit: submit },
    h("div", { class: "page-head" },
      h("h1", { tabindex: -1 }, "Sign in"),
      h("p", {}, "Is the archive off-site? One look.")),
    session.isExpired && h("p", { class: "notice idle" }, icon("idle"), h("span", {}, "Your session has ended. Sign in to go on where you were."
      + (hasDrafts() ? " What you had typed is kept in this window, but for passwords." : ""))),
    h("label", { class: "field" }, h("span", { class: "label" }, "User name"), name),
    h("label", { class: "field" }, h("span", { class: "label" }, "Password"), password),
    code,
    error,
    h("div", { class: "buttons spaced" }, button));
  main.append(form);

  function submit(event) {
    event.preventDefault();
    during(button, async () => {
      try {
        const given = { username: name.value, password: password.value };
        const { data } = await api.login(code.hidden ? given : { ...given, otp: otp.value });
        session.begin(data);
      } catch (refused) {
        if (refused.code === "otp_required" || refused.code === "bad_otp") {
          setText(error, refused.code === "bad_otp" ? `${refused.message}.` : "");
          code.hidden = false;
          otp.value = "";
          otp.focus();
          return;
        }
        setText(error, refused.retryAfter
          ? `${refused.message}: in ${Math.ceil(refused.retryAfter / 60)} min.` : `${refused.message}.`);
        password.value = "";
        password.focus();
      }
    });
  }
}
