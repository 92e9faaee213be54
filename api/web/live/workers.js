// The workers and what each of them holds.
import { html } from "../vendor/preact.js";
import { bytes, count, percent, seconds } from "../core/format.js";

const STATES = { idle: "Idle", busy: "Busy", draining: "Shutting down" };

export function Workers({ workers, at }) {
  return html`<section class="panel" aria-label="Workers">
    <div class="panel-head"><h2>Workers</h2></div>
    ${workers.length === 0
      ? html`<div class="empty"><p>No worker reports.</p>
          <p class="muted">Requests are kept until one comes. <code>make status</code> shows what runs, <code>make logs</code> why not.</p></div>`
      : html`<div class="table-scroll" tabindex="0" role="region" aria-label="Workers, a table"><table>
          <thead><tr><th>Worker</th><th>State</th><th>Device</th><th class="num">Batch</th><th class="num">Writing</th>
            <th class="num">Weights</th><th class="num">Conversations</th><th class="num">Cache</th><th class="num">Hits</th><th class="num">Up</th></tr></thead>
          <tbody>${workers.map((worker) => html`<${Line} key=${worker.name} worker=${worker} at=${at} />`)}</tbody>
        </table></div>`}
  </section>`;
}

function Line({ worker, at }) {
  const { name, model, state, device, running, slots } = worker;
  return html`<tr>
    <td><span class="strong">${model}</span><br /><span class="mono muted small">${name}</span></td>
    <td><span class="chip" data-state=${state}>${STATES[state]}</span></td>
    <td>${device}</td>
    <td class="num">${running} / ${slots}</td>
    <td class="num">${count(worker.decode_tokens_per_s)}/s</td>
    <td class="num">${bytes(worker.weights_bytes)}</td>
    <td class="num">${bytes(worker.kv_bytes)}</td>
    <td class="num">${bytes(worker.cache_bytes)}</td>
    <td class="num">${percent(worker.cache_hits, worker.cache_hits + worker.cache_misses)}</td>
    <td class="num">${seconds(at - worker.started_at)}</td>
  </tr>`;
}
