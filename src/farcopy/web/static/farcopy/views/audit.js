// Audit: comes with its endpoints.

import { h } from "../dom.js";

export const title = () => "Audit";

export function open(main) {
  main.append(h("h1", { tabindex: -1 }, "Audit"));
}
