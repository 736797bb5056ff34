// An address that leads nowhere.

import { h } from "../dom.js";

export const title = () => "Not found";

export function open(main, { message = "" }) {
  main.append(h("section", { class: "panel narrow" },
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, message || "There is nothing at this address")),
    h("a", { href: "#/" }, "To the overview")));
}
