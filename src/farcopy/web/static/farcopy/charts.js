// Two curves over the last days: what was copied in each run, and how long files waited.

import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { explain } from "./failure.js";
import { count, duration, seconds, size, when } from "./format.js";
import { draw } from "./plot.js";

const SPANS = [[1, "24 h"], [7, "7 days"], [30, "30 days"], [92, "92 days"]];

export function charts() {
  let days = 7;
  let plots = [];
  let isOpen = true;
  let turn = 0;
  const copied = panel("Copied in each run");
  const waited = panel("Longest wait to go off-site");
  const spans = h("div", { class: "tabs", role: "group", "aria-label": "How far back" },
    SPANS.map(([value, text]) => h("button", { type: "button", "aria-pressed": String(value === days), onclick: choose }, text)));
  const element = h("section", { "aria-labelledby": "charts-heading" },
    h("div", { class: "head" }, h("h2", { id: "charts-heading" }, "Over time"), spans),
    h("div", { class: "charts" }, copied.element, waited.element));

  function choose(event) {
    const index = [...spans.children].indexOf(event.currentTarget);
    days = SPANS[index][0];
    [...spans.children].forEach((button, n) => button.setAttribute("aria-pressed", String(n === index)));
    refresh();
  }

  async function refresh() {
    const mine = ++turn;
    let data;
    try {
      ({ data } = await api.chart(days));
    } catch (error) {
      explain(error);
      return;
    }
    if (!isOpen || mine !== turn) return; // gone, or another stretch was chosen meanwhile
    plots.forEach((plot) => plot.destroy());
    plots = [];
    const drawn = (await Promise.all([drawRuns(copied, data), drawWaits(waited, data)])).filter(Boolean);
    if (isOpen && mine === turn) plots = drawn;
    else drawn.forEach((plot) => plot.destroy());
  }

  refresh();
  return {
    element,
    refresh,
    close() {
      isOpen = false;
      plots.forEach((plot) => plot.destroy());
    },
  };
}

function panel(name) {
  const place = h("div", { class: "chart", role: "img", "aria-label": name });
  const legend = h("p", { class: "legend" });
  const element = h("div", { class: "panel" }, h("h3", {}, name), legend, place);
  return { element, place, legend, name };
}

function drawRuns({ place, legend, name }, { runs, since, now }) {
  if (!runs.length) return nothing(place, legend, "No sync in this time.");
  const total = runs.reduce((sum, run) => sum + run.bytes, 0);
  const files = runs.reduce((sum, run) => sum + run.files, 0);
  const summary = `${count(runs.length, "run")}: ${count(files, "file")}, ${size(total)}`;
  place.setAttribute("aria-label", `${name}. ${summary}`);
  return draw(place, {
    kind: "bars", since, now,
    x: runs.map((run) => seconds(run.at)),
    y: runs.map((run) => run.bytes),
    format: size,
    tell: (index) => {
      legend.textContent = index === null ? `${summary}. Drag to zoom, double click for all.`
        : `${when(runs[index].at, now)}: ${count(runs[index].files, "file")}, ${size(runs[index].bytes)} (${runs[index].status})`;
    },
  });
}

function drawWaits({ place, legend, name }, { backlog, since, now }) {
  if (!backlog.length) return nothing(place, legend, "Nothing was looked at in this time.");
  const worst = backlog.reduce((a, b) => (b.lag_seconds > a.lag_seconds ? b : a));
  const summary = worst.lag_seconds
    ? `At most ${duration(worst.lag_seconds)}, ${when(worst.at, now)}` : "Nothing had to wait";
  place.setAttribute("aria-label", `${name}. ${summary}`);
  return draw(place, {
    kind: "line", since, now,
    x: backlog.map((point) => seconds(point.at)),
    y: backlog.map((point) => point.lag_seconds),
    format: duration,
    tell: (index) => {
      legend.textContent = index === null ? `${summary}.`
        : `${when(backlog[index].at, now)}: ${count(backlog[index].files, "file")} waiting, ${duration(backlog[index].lag_seconds)} at most`;
    },
  });
}

function nothing(place, legend, text) {
  legend.textContent = "";
  fill(place, h("p", { class: "empty" }, text));
  return null;
}
