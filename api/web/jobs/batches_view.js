// Message batches: many requests at once, answered when nothing is more urgent.
import { html } from "../vendor/preact.js";
import { ago, plural } from "../core/format.js";
import { BatchView } from "./batch_view.js";
import { totalOf } from "./counts.js";
import { useListing } from "./listing.js";
import { Status } from "./status.js";

export function BatchesView({ id }) {
  return id ? html`<${BatchView} key=${id} id=${id} />` : html`<${BatchList} />`;
}

function BatchList() {
  const { items, hasMore, problem, isLoading, more } = useListing("/v1/messages/batches");
  return html`<div class="page">
    <header class="page-head"><h1>Batches</h1><p class="muted">Many messages at once, answered when there is nothing more urgent.</p></header>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
    ${items.length > 0 && html`<ul class="cards">${items.map((batch) => html`<${Line} key=${batch.id} batch=${batch} />`)}</ul>`}
    ${items.length === 0 && !isLoading && !problem && html`<div class="empty panel">
      <p>No batches yet.</p>
      <p class="muted">Up to 10,000 requests in one file, with the results to download when they are all done.</p>
      <pre class="snippet" tabindex="0" aria-label="An example">${EXAMPLE}</pre>
    </div>`}
    ${hasMore && html`<button type="button" class="button centred" onClick=${more}>Show older ones</button>`}
  </div>`;
}

function Line({ batch }) {
  const { id, processing_status, request_counts, created_at } = batch;
  return html`<li class="card-line">
    <${Status} status=${processing_status} />
    <a class="card-main" href=${`#/batches/${id}`}><span class="mono">${id}</span></a>
    <span class="muted small">${plural(totalOf(request_counts), "request")}</span>
    <time class="muted small" datetime=${created_at}>${ago(created_at)}</time>
    <a class="button small-button" href=${`#/batches/${id}`} aria-label=${`Open ${id}`}>Open</a>
  </li>`;
}

const EXAMPLE = `curl -s ${location.origin}/v1/messages/batches -H 'content-type: application/json' \\
  -d '{"requests": [{"custom_id": "sky", "params": {"model": "claude", "max_tokens": 100,
       "messages": [{"role": "user", "content": "Why is the sky blue?"}]}}]}'`;
