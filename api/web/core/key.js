// The API key, where the server asks for one: entered once, kept for the tab or, if wanted, for this browser.
import { signal } from "../vendor/preact.js";

const NAME = "pensieve.key";

export const asking = signal(null);
/** While somebody waits for a key: `{ refused, answer(key | null, { keep }) }`. */

let key = stored(sessionStorage) ?? stored(localStorage) ?? "";
let waiting = null;

export const currentKey = () => key;

/** Resolves with whether there is a key to try again with; several who ask at once share one question. */
export function askForKey(refusedKey) {
  if (refusedKey !== key) return Promise.resolve(true);
  waiting ??= new Promise((resolve) => {
    asking.value = {
      refused: key !== "",
      answer(given, { keep = false } = {}) {
        asking.value = waiting = null;
        if (given) remember(given, keep);
        resolve(Boolean(given));
      },
    };
  });
  return waiting;
}

export function changeKey() {
  void askForKey(key);
}

export function forgetKey() {
  key = "";
  for (const place of [sessionStorage, localStorage]) place.removeItem(NAME);
}

function remember(given, keep) {
  forgetKey();
  key = given;
  (keep ? localStorage : sessionStorage).setItem(NAME, given);
}

function stored(place) {
  return place.getItem(NAME);
}
