// The service at work: figures, every sequence as a bar, the workers, and the last minutes.
import { html, useEffect } from "../vendor/preact.js";
import { bytes, count, percent, plural, seconds } from "../core/format.js";
import { Charts } from "./charts.js";
import { picture, problem, watch } from "./feed.js";
import { Sequences } from "./sequences.js";
import { totalsOf } from "./totals.js";
import { Workers } from "./workers.js";

const LANES = { interactive: "chat", background: "jobs", batch: "batch" };

export function LiveView() {
  useEffect(watch, []);
  const seen = picture.value;
  return html`<div class="page live">
    <header class="page-head">
      <h1>Live</h1>
      <p class="muted">The queue and the batch as they are.</p>
    </header>
    ${problem.value && html`<p class="notice" role="alert">${problem.value}</p>`}
    ${seen ? html`<${Seen} seen=${seen} />` : !problem.value && html`<p class="muted">Looking…</p>`}
  </div>`;
}

function Seen({ seen }) {
  const totals = totalsOf(seen);
  return [
    html`<${Tiles} totals=${totals} waiting=${seen.waiting} />`,
    html`<${Sequences} rows=${seen.rows} queue=${seen.queue} waiting=${seen.waiting} at=${seen.at} />`,
    html`<${Charts} />`,
    html`<${Workers} workers=${seen.workers} at=${seen.at} />`,
  ];
}

function Tiles({ totals, waiting }) {
  const lanes = Object.entries(LANES).filter(([lane]) => waiting[lane] > 0);
  const queued = lanes.map(([lane, word]) => `${count(waiting[lane])} ${word}`).join(" · ") || "nobody waits";
  const memory = totals.kv_limit_bytes > 0 ? `of ${bytes(totals.kv_limit_bytes)} for the batch` : "held by the batch";
  return html`<dl class="tiles">
    <${Tile} name="Writing" value=${count(totals.decode_tokens_per_s)} unit="tokens/s" hint=${`reading ${count(totals.prefill_tokens_per_s)} tokens/s`} />
    <${Tile} name="First token" value=${seconds(totals.first_token_s)} hint="median of late" />
    <${Tile} name="Running" value=${totals.running} unit=${`of ${totals.slots}`} hint="places in the batch" />
    <${Tile} name="Waiting" value=${totals.waiting} hint=${queued} />
    <${Tile} name="Cache hits" value=${percent(totals.cache_hits, totals.prompts)} hint=${`${plural(totals.cache_read_tokens, "token")} reused`} />
    <${Tile} name="Memory" value=${bytes(totals.kv_bytes)} hint=${memory} />
  </dl>`;
}

function Tile({ name, value, unit, hint }) {
  return html`<div class="tile">
    <dt>${name}</dt>
    <dd><span class="tile-value">${value}</span>${unit && html`<span class="tile-unit">${unit}</span>`}
      <span class="tile-hint">${hint}</span></dd>
  </div>`;
}
