// The live feed: opened with the first view that shows it, closed with the last.
import { signal } from "../vendor/preact.js";
import { explain, send } from "../core/client.js";
import { eventsOf } from "../core/sse.js";
import { beginHistory, extendHistory } from "./history.js";

const AGAIN_MS = 2_000;
const STALE_MS = 4_000;

export const picture = signal(null);
export const problem = signal("");

/** Watches until the returned function is called; a hidden page watches nothing. */
export function watch() {
  let aborter = null;
  const begin = () => {
    if (document.hidden || aborter) return;
    aborter = new AbortController();
    void follow(aborter.signal);
  };
  const end = () => {
    aborter?.abort();
    aborter = null;
  };
  const onVisibility = () => (document.hidden ? end() : begin());
  document.addEventListener("visibilitychange", onVisibility);
  begin();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    end();
  };
}

async function follow(signal) {
  while (!signal.aborted) {
    let watchdog = null;
    try {
      const response = await send("/v1/live/events", { signal });
      for await (const { data } of eventsOf(response)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => (problem.value = "There has been no news for some seconds."), STALE_MS);
        take(data);
      }
    } catch (error) {
      if (!signal.aborted) problem.value = explain(error);
    }
    clearTimeout(watchdog);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function take(data) {
  if (data.type === "history") beginHistory(data);
  if (data.type !== "picture") return;
  problem.value = "";
  picture.value = data;
  extendHistory(data);
}
