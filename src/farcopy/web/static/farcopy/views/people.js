// People: comes with its endpoints.

import { h } from "../dom.js";

export const title = () => "People";

export function open(main) {
  main.append(h("h1", { tabindex: -1 }, "People"));
}
