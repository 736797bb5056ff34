// Numbers and times as people read them. Times are the server's, "YYYY-MM-DD HH:MM:SS" in its zone.

const NUMBER = new Intl.NumberFormat("en");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_S = 86400;

export const number = (value) => NUMBER.format(value);
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

// Units of 1,024, and called so; what the API calls mb is such a MiB.
export function size(bytes) {
  let value = bytes;
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return unit === "bytes" ? count(value, "byte") : `${short(value)} ${unit}`;
    value /= 1024;
  }
  return `${short(value)} TiB`;
}

const short = (value) => (value < 10 ? value.toFixed(1) : NUMBER.format(Math.round(value)));
export const rate = (bytesPerS) => `${size(Math.round(bytesPerS))}/s`;

// The two largest units: "2 h 10 min".
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const parts = [[Math.floor(s / DAY_S), "d"], [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`).join(" ");
}

// Seconds since 1970 as if the server's zone were UTC: differences and axes need no more.
export function seconds(text) {
  return Date.parse(`${text.replace(" ", "T")}Z`) / 1000;
}

export function ago(text, now) {
  const passed = seconds(now) - seconds(text);
  const rough = (s) => duration(s < 3600 ? Math.max(60, s - (s % 60)) : s);
  if (passed < 0) return `in ${rough(-passed)}`;
  return passed < 60 ? "just now" : `${rough(passed)} ago`;
}

// "today 10:30", "yesterday 10:30", "22 Nov 10:30", with the year when it is another.
export function when(text, now) {
  const [date, time] = text.split(" ");
  const clock = time.slice(0, 5);
  const days = Math.round((seconds(`${now.slice(0, 10)} 00:00:00`) - seconds(`${date} 00:00:00`)) / DAY_S);
  if (days === 0) return `today ${clock}`;
  if (days === 1) return `yesterday ${clock}`;
  if (days === -1) return `tomorrow ${clock}`;
  const [year, month, day] = date.split("-");
  const shown = `${Number(day)} ${MONTHS[Number(month) - 1]}`;
  return year === now.slice(0, 4) ? `${shown} ${clock}` : `${shown} ${year} ${clock}`;
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
