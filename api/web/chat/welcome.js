// What an empty conversation says: what this is, and something to begin with.
import { html } from "../vendor/preact.js";

const IDEAS = [
  "Explain how a hash table works, with a small example in Python.",
  "Write a polite reply that declines a meeting on Friday.",
  "What is the difference between weather and climate?",
  "Give me three ideas for a quick dinner with chickpeas.",
];

export function Welcome({ onChoose, isReady }) {
  return html`<div class="welcome">
    <h1>What is on your mind?</h1>
    <p class="muted">The model runs on your own machine. Close the page whenever you like: answers go on, and wait for you here.</p>
    <ul class="ideas">
      ${IDEAS.map(
        (idea) => html`<li><button type="button" disabled=${!isReady} onClick=${() => onChoose(idea)}>${idea}</button></li>`,
      )}
    </ul>
  </div>`;
}
