// Draws one series with uPlot, in the colours of the theme, as wide as its place.

import { seconds } from "./format.js";

const HOME = "/static/farcopy/vendor/uplot-1.6.32/";
const HEIGHT = 200;
let library = null;

// uPlot has no minified module: it is loaded as the script it is, once, when first drawn.
function load() {
  library ||= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${HOME}uPlot.iife.min.js`;
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = `${HOME}uPlot.min.css`;
    document.head.append(sheet, script);
  });
  return library;
}

// wanted: { kind: bars or line, x, y, since, now, format, tell(index or null) }
export async function draw(place, wanted) {
  const UPlot = await load();
  const theme = window.matchMedia("(prefers-color-scheme: dark)");
  let plot = null;
  const make = () => {
    plot?.destroy();
    place.replaceChildren();
    plot = new UPlot(options(UPlot, place, wanted), spanned(wanted), place);
    wanted.tell(null);
  };
  const fit = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
  make();
  fit.observe(place);
  theme.addEventListener("change", make);
  return {
    destroy() {
      fit.disconnect();
      theme.removeEventListener("change", make);
      plot.destroy();
    },
  };
}

// From the beginning to the end of the stretch, whatever lies in it: a single point too has a
// place in time. A wait is known until now; before the first look nothing is.
function spanned({ kind, x, y, since, now }) {
  const last = kind === "line" ? y[y.length - 1] : null;
  const [begin, end] = [seconds(since), seconds(now)];
  const margin = (end - begin) / 60; // the newest bar is whole, not cut in half
  return [[Math.min(begin, x[0]), ...x, Math.max(end, x[x.length - 1]) + margin], [null, ...y, last]];
}

function options(UPlot, place, { kind, y, format, tell }) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const accent = colour("--accent");
  const axis = { stroke: colour("--quiet"), ticks: { show: false }, font: "12px system-ui", grid: { stroke: colour("--line"), width: 1 } };
  const isLine = kind === "line";
  return {
    width: Math.max(place.clientWidth, 200),
    height: HEIGHT,
    legend: { show: false },
    // The server's clock, not the browser's: its times are read as UTC and shown as UTC.
    tzDate: (at) => UPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    cursor: { y: false, points: { size: 8 }, drag: { x: true, y: false } },
    scales: {
      y: { range: (_, least, most) => [0, Math.max(most, 60) * 1.1] },
    },
    series: [{}, {
      stroke: accent,
      fill: isLine ? `${accent}22` : accent,
      width: isLine ? 1.5 : 0,
      paths: isLine ? UPlot.paths.linear() : UPlot.paths.bars({ size: [0.6, 12, 4], radius: 0.2 }),
      // A single point makes no line; a few are easier to find as points.
      points: { show: isLine && y.length < 40, size: 6, fill: accent },
    }],
    axes: [
      { ...axis, size: 38, grid: { show: false }, values: HOURS },
      { ...axis, size: 68, splits: splitsFor(format), values: (_, marks) => marks.map((mark) => format(mark)) },
    ],
    hooks: {
      setCursor: [({ cursor: { idx } }) => tell(idx == null ? null : Math.min(Math.max(idx - 1, 0), y.length - 1))],
    },
  };
}

const HOURS = [
  [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];

// Round in the unit that is read: powers of two for bytes, minutes and hours for a wait.
function splitsFor(format) {
  const isTime = format(3600) === "1 h";
  const steps = isTime ? [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800, 604800, 2592000] : null;
  return (_plot, _axis, least, most) => {
    const wanted = (most - least) / 4;
    const step = steps ? steps.find((value) => value >= wanted) ?? wanted : roundBytes(wanted);
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step);
  };
}

function roundBytes(bytes) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)));
  const count = bytes / unit;
  return unit * ([1, 2, 5, 10, 20, 50, 100, 200, 500, 1024].find((value) => value >= count) ?? 1024);
}
