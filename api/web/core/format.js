// Numbers and times for people.
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const BYTES = ["B", "kB", "MB", "GB", "TB"];

/** 0 to 4 significant places: 1,234 / 56.7 / 0.25. */
export function count(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 0 : value >= 10 ? 1 : 2 });
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), BYTES.length - 1);
  return `${count(value / 1_000 ** power)} ${BYTES[power]}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1_000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  if (value < 3_600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${Math.floor(value / 3_600)} h ${Math.round((value % 3_600) / 60)} min`;
}

export function percent(part, whole) {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–";
}

/** "3 minutes ago", from a Date, an ISO string or milliseconds. */
export function ago(when, now = Date.now()) {
  const passed_s = (new Date(when).getTime() - now) / 1_000;
  const [unit, length_s] = UNITS.find(([, length]) => Math.abs(passed_s) >= length) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(passed_s / length_s), unit);
}

export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
