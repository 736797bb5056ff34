// Asks before something that cannot be taken back. Resolves to whether it is wanted.

import { h } from "./dom.js";

export function ask(heading, text, yes, kind = "danger") {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "dialog-heading" },
      h("h2", { id: "dialog-heading" }, heading),
      h("p", {}, text),
      h("form", { method: "dialog", class: "buttons" },
        h("button", { value: "yes", class: kind }, yes),
        h("button", { value: "no", class: "plain", autofocus: true }, "Leave it")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
