// How jobs and batches stand, in words and colours.
import { html } from "../vendor/preact.js";

export const STATUSES = ["queued", "running", "succeeded", "errored", "canceled", "expired"];
export const ACTIVE = new Set(["queued", "running", "in_progress", "canceling"]);
export const FAILED = new Set(["errored", "canceled", "expired"]);

const WORDS = { in_progress: "in progress" };

export function Status({ status }) {
  return html`<span class="chip" data-state=${status}>${WORDS[status] ?? status}</span>`;
}
