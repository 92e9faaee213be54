// Jobs: every message that was accepted and is still known.
import { html, useState } from "../vendor/preact.js";
import { explain, post } from "../core/client.js";
import { ago } from "../core/format.js";
import { announce } from "../parts/announcer.js";
import { JobView } from "./job_view.js";
import { useListing } from "./listing.js";
import { ACTIVE, Status, STATUSES } from "./status.js";

export function JobsView({ id }) {
  return id ? html`<${JobView} key=${id} id=${id} />` : html`<${JobList} />`;
}

function JobList() {
  const [status, setStatus] = useState("");
  const { items, hasMore, problem, isLoading, more, refresh } = useListing(`/v1/jobs${status && `?status=${status}`}`);
  const cancel = async (id) => {
    await post(`/v1/jobs/${id}/cancel`).catch((error) => announce(explain(error)));
    announce("Canceled");
    await refresh();
  };
  return html`<div class="page">
    <header class="page-head with-tools">
      <div><h1>Jobs</h1><p class="muted">Every message is a job. Ended ones are kept for a while.</p></div>
      <label class="filter"><span class="unseen">Status</span>
        <select value=${status} onChange=${(event) => setStatus(event.target.value)}>
          <option value="">All</option>
          ${STATUSES.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      </label>
    </header>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
    ${items.length > 0 && html`<ul class="cards">${items.map((job) => html`<${Line} key=${job.id} job=${job} onCancel=${cancel} />`)}</ul>`}
    ${items.length === 0 && !isLoading && !problem && html`<${Empty} status=${status} />`}
    ${hasMore && html`<button type="button" class="button centred" onClick=${more}>Show older ones</button>`}
  </div>`;
}

function Line({ job, onCancel }) {
  const { id, status, model, created_at, error } = job;
  return html`<li class="card-line">
    <${Status} status=${status} />
    <a class="card-main" href=${`#/jobs/${id}`}><span class="mono">${id}</span>
      ${error && html`<span class="muted small ellipsis">${error.message}</span>`}</a>
    <span class="muted small only-wide">${model}</span>
    <time class="muted small" datetime=${created_at} title=${new Date(created_at).toLocaleString()}>${ago(created_at)}</time>
    ${ACTIVE.has(status)
      ? html`<button type="button" class="button small-button" aria-label=${`Cancel ${id}`} onClick=${() => onCancel(id)}>Cancel</button>`
      : html`<a class="button small-button" href=${`#/jobs/${id}`} aria-label=${`Open ${id}`}>Open</a>`}
  </li>`;
}

function Empty({ status }) {
  return html`<div class="empty panel">
    <p>${status ? `No job is ${status}.` : "No jobs yet."}</p>
    <p class="muted">${status ? "Another status may have some." : "Every chat is one, and every request to the API."}</p>
    ${!status && html`<pre class="snippet" tabindex="0" aria-label="An example">${EXAMPLE}</pre>`}
  </div>`;
}

const EXAMPLE = `curl -s ${location.origin}/v1/jobs -H 'content-type: application/json' \\
  -d '{"model": "claude", "max_tokens": 100,
       "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'`;
