// What happens, said to those who don't see it.
import { html, signal } from "../vendor/preact.js";

const said = signal("");

export function announce(text) {
  // The same words again are news only if there was silence in between.
  said.value = "";
  setTimeout(() => {
    said.value = text;
  }, 50);
}

export function Announcer() {
  return html`<div class="unseen" role="status">${said}</div>`;
}
