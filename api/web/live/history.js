// The last minutes, a sample a second, in the columns that charts are drawn from.
import { signal } from "../vendor/preact.js";
import { totalsOf } from "./totals.js";

const LENGTH = 600;
const EVERY_S = 1;
const COLUMNS = [
  "at", "decode_tokens_per_s", "prefill_tokens_per_s", "running", "waiting", "first_token_s", "kv_bytes", "cache_bytes",
];

export const history = signal(Object.fromEntries(COLUMNS.map((name) => [name, []])));

export function beginHistory(told) {
  history.value = Object.fromEntries(COLUMNS.map((name) => [name, told[name] ?? []]));
}

export function extendHistory(picture) {
  const before = history.value;
  if (picture.at - (before.at.at(-1) ?? 0) < EVERY_S) return;
  const sample = { ...totalsOf(picture), at: picture.at };
  history.value = Object.fromEntries(COLUMNS.map((name) => [name, [...before[name], sample[name]].slice(-LENGTH)]));
}
