// Where in the page one is: the address's fragment, as a path.
import { signal } from "../vendor/preact.js";

export const path = signal(read());

addEventListener("hashchange", () => {
  path.value = read();
});

export function go(to, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", `#${to}`);
    path.value = read();
  } else {
    location.hash = to;
  }
}

function read() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  return { view: parts[0] ?? "chat", id: parts[1] ?? null };
}
