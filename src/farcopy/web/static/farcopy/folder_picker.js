// A dialog to choose a directory of the machine farcopy runs on. Names only; by mouse and by keyboard.

import { api } from "./api.js";
import { fill, h, setText } from "./dom.js";

// Writes the chosen one into the input, as if it were typed.
export async function browse(input, label) {
  const chosen = await pick(input.value.trim(), label);
  if (chosen === null) return;
  input.value = chosen;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
}

function pick(begin, label) {
  return new Promise((resolve) => {
    let shown = { path: null, parent: null };
    let first = ""; // where one may begin
    const where = h("p", { class: "mono where", "aria-live": "polite" });
    const error = h("p", { class: "error", role: "alert" });
    const up = h("button", { type: "button", class: "plain small-button", hidden: true, onclick: () => open(shown.parent ?? "") }, "Up");
    const list = h("ul", { class: "folders", "aria-label": "Directories", onkeydown: move });
    const more = h("p", { class: "hint" });
    const use = h("button", { value: "use" }, "Use this directory");
    const dialog = h("dialog", { class: "picker", "aria-labelledby": "picker-heading" },
      h("h2", { id: "picker-heading" }, `Choose: ${label}`),
      h("div", { class: "head" }, where, up), error, list, more,
      h("form", { method: "dialog", class: "buttons spaced" }, use,
        h("button", { value: "", class: "plain" }, "Leave it")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "use" ? shown.path : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    start();

    async function start() {
      const beginnings = await read("");
      if (!beginnings) return;
      first = beginnings.path ?? "";
      show((begin && await read(begin)) || beginnings);
    }

    async function open(path) {
      const data = await read(path);
      if (data) show(data);
    }

    // null when it was refused: then it is said why, and what was shown stays.
    async function read(path) {
      list.setAttribute("aria-busy", "true");
      setText(error, "");
      try {
        return (await api.folders(path)).data;
      } catch (refused) {
        const why = refused.fields?.path;
        setText(error, why ? `${path} ${why}.` : `${refused.message}.`);
        return null;
      } finally {
        list.removeAttribute("aria-busy");
      }
    }

    function show(data) {
      shown = data;
      setText(where, data.path ?? "Where sources may lie");
      up.hidden = (data.path ?? "") === first;
      use.disabled = data.path === null;
      fill(list, data.folders.map(({ name, path }) => h("li", {},
        h("button", { type: "button", class: "folder", onclick: () => open(path) }, name))));
      if (!data.folders.length) fill(list, h("li", { class: "quiet-text" }, "No directories in it."));
      setText(more, data.has_more ? `There are more than the ${data.folders.length} shown here; type the path instead.` : "");
      (list.querySelector("button") ?? use).focus();
    }

    // Up and down as in any list; Tab leaves it.
    function move(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const buttons = [...list.querySelectorAll("button")];
      const next = buttons[buttons.indexOf(document.activeElement) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    }
  });
}
