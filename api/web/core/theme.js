// Light, dark, or what the system says.
import { effect, signal } from "../vendor/preact.js";

const KEY = "pensieve.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

export const theme = signal(document.documentElement.dataset.theme ?? "auto");

export function nextTheme() {
  theme.value = NEXT[theme.value];
}

effect(() => {
  const chosen = theme.value;
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    // Plain text, as theme.js reads it before anything else runs.
    localStorage.setItem(KEY, chosen);
  } catch {
    // The choice lasts as long as the page.
  }
});
