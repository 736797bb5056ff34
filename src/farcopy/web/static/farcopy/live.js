// The run that is on: how far, how fast, how long still. Drawn anew each second without flicker.

import { h, setText } from "./dom.js";
import { duration, number, rate, size } from "./format.js";
import { session } from "./session.js";

const PHASES = {
  scanning: "Looking through the sources", transferring: "Copying", settling: "Waiting for files to come to rest",
  counting: "Counting what is left",
};

export function livePanel(onCancel) {
  const heading = h("h2", { id: "live-heading" });
  const bar = h("progress", { max: 1, value: 0, "aria-labelledby": "live-heading" });
  const cancel = h("button", { type: "button", class: "plain small-button", onclick: onCancel }, "Cancel this sync");
  const values = { Files: h("dd"), Failed: h("dd"), Data: h("dd"), Rate: h("dd"), "Time left": h("dd"), Connections: h("dd") };
  const element = h("section", { class: "panel live", hidden: true, "aria-labelledby": "live-heading" },
    h("div", { class: "head" }, heading, session.canSteer && cancel), bar,
    h("dl", { class: "numbers" }, Object.entries(values).map(([name, value]) => h("div", {}, h("dt", {}, name), value))));

  function draw(run) {
    element.hidden = run === null;
    if (run === null) return;
    setText(heading, run.is_cancelling ? "Ending this sync …" : `${PHASES[run.phase] || "Working"} …`);
    cancel.disabled = run.is_cancelling;
    // Until the scan is over nobody knows the whole: then there is no share of it to show.
    const of = run.is_total_known ? "of" : "of at least";
    if (run.bytes_due && run.is_total_known) bar.value = Math.min(run.bytes_done / run.bytes_due, 1);
    else bar.removeAttribute("value");
    setText(values.Files, `${number(run.files_done)} ${of} ${number(run.files_due)}`);
    setText(values.Failed, number(run.files_failed));
    values.Failed.className = run.files_failed ? "failed" : "";
    setText(values.Data, `${size(run.bytes_done)} ${of} ${size(run.bytes_due)}`);
    setText(values.Rate, run.bytes_per_s ? rate(run.bytes_per_s) : "–");
    setText(values["Time left"], run.eta_seconds === null ? (run.is_total_known ? "not known yet" : "still counting") : duration(run.eta_seconds));
    setText(values.Connections, number(run.connections));
  }

  return { element, draw };
}
