// The second factor on the account's view: what it is, setting it up with a QR code, switching it off.

import { api } from "./api.js";
import { ask } from "./dialog.js";
import { fill, h, icon } from "./dom.js";
import { during } from "./failure.js";
import { Form } from "./form.js";
import { tell } from "./notice.js";

const SVG = "http://www.w3.org/2000/svg";

// onChange: other sessions may have ended.
export async function secondFactorPanel(onChange) {
  const place = h("div", { "aria-live": "polite" });
  const element = h("section", { class: "panel form-grid", "aria-labelledby": "otp-heading" },
    h("div", { class: "about" }, h("h2", { id: "otp-heading" }, "Second factor"),
      h("p", {}, "With it a stolen password alone signs nobody in: a code from your telephone is needed too.")),
    place);
  await refresh();
  return element;

  async function refresh() {
    show((await api.otp()).data);
  }

  function show(state) {
    if (state.is_on) {
      fill(place, h("p", {}, `On since ${state.since.slice(0, 16)}; ${state.recovery_codes_left} recovery codes left.`),
        h("div", { class: "buttons spaced" }, h("button", { type: "button", class: "danger", onclick: (event) => disable(event.currentTarget) }, "Switch it off")));
      return;
    }
    fill(place,
      state.is_required && h("p", { class: "notice warn" }, icon("warn"), h("span", {}, "Admins need one here: set it up to go on.")),
      h("p", {}, "Off."),
      h("div", { class: "buttons spaced" }, h("button", { type: "button", onclick: (event) => begin(event.currentTarget) }, "Set it up")));
  }

  function begin(button) {
    return during(button, async () => {
      const { secret, qr } = (await api.beginOtp()).data;
      const form = new Form([{ name: "otp", label: "Code", autocomplete: "one-time-code", hint: "The six digits the app shows now." }]);
      const enable = h("button", {}, "Switch it on");
      fill(place, h("form", { novalidate: true, onsubmit: submit },
        h("p", {}, "Scan this with an authenticator app, or type the key into it."),
        picture(qr),
        h("p", {}, "Key: ", h("code", { class: "mono secret" }, secret.match(/.{1,4}/g).join(" "))),
        form.elements,
        h("div", { class: "buttons spaced" }, enable,
          h("button", { type: "button", class: "plain", onclick: (event) => during(event.currentTarget, refresh) }, "Leave it"))));
      form.field("otp").focus();

      function submit(event) {
        event.preventDefault();
        during(enable, async () => {
          const made = await form.send(() => api.enableOtp(form.values()));
          if (!made) return;
          showCodes(made.recovery_codes);
          await onChange();
        });
      }
    });
  }

  function showCodes(codes) {
    const done = h("button", { type: "button", onclick: (event) => during(event.currentTarget, refresh) }, "I have kept them");
    fill(place, h("div", { class: "notice good" }, icon("good"), h("span", {}, "It is on. These recovery codes are shown this once. Each signs you in once when the telephone is lost: print them.")),
      h("ul", { class: "codes" }, codes.map((code) => h("li", { class: "mono" }, code))),
      h("div", { class: "buttons spaced" }, done));
    done.focus();
  }

  async function disable(button) {
    if (!(await ask("Switch the second factor off?", "From then on your password alone signs in. The recovery codes are void.", "Switch it off"))) return;
    await during(button, async () => {
      await api.disableOtp();
      tell("The second factor is off.", "warn");
      await refresh();
    });
  }
}

// rows: of "0" and "1", with the quiet zone. Dark on white in every colour scheme: cameras want that.
function picture(rows) {
  const svg = document.createElementNS(SVG, "svg");
  const size = rows.length;
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": "QR code of the key", "shape-rendering": "crispEdges" })) svg.setAttribute(name, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rows.flatMap((row, y) => [...row].map((cell, x) => (cell === "1" ? `M${x} ${y}h1v1h-1z` : ""))).join(""));
  svg.append(path);
  return svg;
}
