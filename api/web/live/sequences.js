// Every sequence as a bar: those in the batch, then those that wait.
import { html } from "../vendor/preact.js";
import { count, plural, seconds } from "../core/format.js";

const STATES = { waiting: "Waiting", prefilling: "Reading", decoding: "Writing" };
const LANES = { interactive: "chat", background: "job", batch: "batch" };

export function Sequences({ rows, queue, waiting, at }) {
  const more = Object.values(waiting).reduce((total, number) => total + number, 0) - queue.length;
  return html`<section class="panel" aria-label="Sequences">
    <div class="panel-head"><h2>Sequences</h2><${Legend} /></div>
    ${rows.length + queue.length === 0
      ? html`<div class="empty"><p>Nobody is asking anything right now.</p>
          <p class="muted">Start a chat, or send a request: it appears here at once.</p></div>`
      : html`<ol class="bars">
          ${rows.map((row) => html`<${Running} key=${row.id ?? `${row.worker}${row.accepted_at}`} row=${row} at=${at} />`)}
          ${queue.map((row) => html`<${Queued} key=${row.id ?? row.accepted_at} row=${row} at=${at} />`)}
        </ol>`}
    ${more > 0 && html`<p class="muted small">and ${plural(more, "more request")} in the queue</p>`}
  </section>`;
}

const Legend = () => html`<ul class="legend">
  ${Object.entries(STATES).map(([state, label]) => html`<li><span class="swatch" data-state=${state}></span>${label}</li>`)}
</ul>`;

function Running({ row, at }) {
  const { state, prompt_tokens, prefilled_tokens, cached_tokens, output_tokens, max_tokens } = row;
  const isDecoding = state === "decoding";
  const part = isDecoding ? output_tokens / max_tokens : prefilled_tokens / prompt_tokens;
  const words = isDecoding
    ? `${plural(output_tokens, "token")} written`
    : `${count(prefilled_tokens)} of ${plural(prompt_tokens, "token")} read`;
  const cached = cached_tokens > 0 ? ` · ${count(cached_tokens)} from cache` : "";
  return html`<${Bar} row=${row} state=${state} at=${at} part=${part} words=${state === "waiting" ? `${plural(prompt_tokens, "token")} to read` : words + cached} />`;
}

function Queued({ row, at }) {
  return html`<${Bar} row=${row} state="waiting" at=${at} part=${0} words=${`${plural(row.prompt_tokens, "token")} to read`} />`;
}

function Bar({ row, state, at, part, words }) {
  return html`<li class="bar" data-state=${state}>
    <span class="bar-name">
      <span class="lane" data-lane=${row.lane}>${LANES[row.lane]}</span>
      ${row.id ? html`<a class="mono ellipsis" href=${`#/jobs/${row.id}`}>${row.id.slice(4, 12)}</a>` : html`<span class="muted">another key’s</span>`}
    </span>
    <span class="track"><span class="fill" style=${{ width: `${Math.min(100, 100 * part)}%` }}></span></span>
    <span class="bar-words"><span class="bar-state">${STATES[state]}</span> ${words}</span>
    <span class="bar-age">${seconds(Math.max(0, at - row.accepted_at))}</span>
  </li>`;
}
