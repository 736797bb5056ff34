// The connection check: goes the way of a sync to the server, step by step.

import { api } from "../api.js";
import { stepList, TITLES, waitingList } from "../doctor_steps.js";
import { fill, h, icon } from "../dom.js";
import { during, explain } from "../failure.js";
import { duration } from "../format.js";

export const title = () => "Connection";

export async function open(main) {
  const { configuration: settings } = (await api.settings()).data;
  const button = h("button", { type: "button", onclick: examine }, "Examine the connection");
  const verdict = h("div", { role: "status" });
  const steps = h("div", {});
  const where = settings.ftp_host
    ? `${settings.ftp_username || "nobody"} at ${settings.ftp_host}, port ${settings.ftp_port}, directory ${settings.ftp_path}`
    : "No FTP account is set yet.";
  main.append(
    h("div", { class: "head page-head" },
      h("div", {}, h("h1", { tabindex: -1 }, "Connection"), h("p", { class: "path" }, where)),
      settings.ftp_host ? button : h("a", { class: "button", href: "#/settings" }, "Set it")),
    h("section", { class: "panel", "aria-label": "Steps" },
      verdict,
      h("p", { class: "quiet-text", id: "explained" }, "Goes the way of a sync to the server, step by step. "
        + "A small file is written under a temporary name, read back, renamed and removed; no file of yours is sent or touched."),
      steps));

  function examine() {
    return during(button, async () => {
      verdict.replaceChildren();
      fill(steps, waitingList(TITLES));
      try {
        const { data } = await api.doctor();
        document.getElementById("explained")?.remove();
        fill(verdict, sentence(data));
        fill(steps, stepList(data));
      } catch (error) {
        steps.replaceChildren();
        explain(error);
      }
    });
  }
}

function sentence(found) {
  const failed = found.steps.find((step) => step.status === "failed");
  const took = found.took_ms < 1000 ? `${found.took_ms} ms` : duration(found.took_ms / 1000);
  return h("p", { class: `notice ${found.is_well ? "good" : "bad"}` }, icon(found.is_well ? "good" : "bad"),
    h("span", {}, found.is_well ? `The connection is well; every step took ${took} together.` : `The way to the server ends at “${failed.title.toLowerCase()}”. What to do stands there.`));
}
