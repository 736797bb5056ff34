// For roles that may sign in but not steer farcopy.

import { h } from "../dom.js";
import { session } from "../session.js";

export const title = () => "No access";

export function open(main) {
  main.append(h("section", { class: "panel narrow" },
    h("div", { class: "page-head" },
      h("h1", { tabindex: -1 }, "Only admins may see and steer farcopy, and auditors see it"),
      h("p", {}, `You are signed in as ${session.account.username}, with the role ${session.account.role}. `
        + "An admin can change that under People.")),
    h("a", { href: "#/account" }, "My account")));
}
