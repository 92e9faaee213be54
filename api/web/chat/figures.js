// How an answer ended, and what it cost.
import { html } from "../vendor/preact.js";
import { count, plural, seconds } from "../core/format.js";

const ENDINGS = {
  max_tokens: "Cut off at the limit of tokens. A higher limit is in the settings.",
  model_context_window_exceeded: "Cut off: the model's context is full.",
  refusal: "The model would not go on.",
};

export function Ending({ answer }) {
  if (answer.status === "failed") return html`<p class="notice" role="alert">${answer.error}</p>`;
  if (answer.status === "stopped") return html`<p class="waiting">Stopped.</p>`;
  const words = ENDINGS[answer.stopReason];
  if (words) return html`<p class="waiting">${words}</p>`;
  if (answer.status === "done" && answer.blocks.length === 0) return html`<p class="waiting">The model had nothing to say.</p>`;
  return null;
}

export function Figures({ answer }) {
  const { usage, status, firstAt, askedAt, endedAt, resumed } = answer;
  if (status !== "done" || !usage) return null;
  const writing_s = (endedAt - firstAt) / 1_000;
  const parts = [plural(usage.output_tokens, "token")];
  // Times of an answer that was taken up again say nothing of the model.
  if (firstAt && !resumed) {
    if (usage.output_tokens > 1 && writing_s > 0) parts.push(`${count((usage.output_tokens - 1) / writing_s)} a second`);
    parts.push(`first after ${seconds((firstAt - askedAt) / 1_000)}`);
  }
  if (usage.cache_read_input_tokens > 0) parts.push(`${count(usage.cache_read_input_tokens)} read from cache`);
  return html`<span class="figures">${parts.join(" · ")}</span>`;
}
