// One batch: how far it is, its results, and what can be done with it.
import { html, useEffect, useState } from "../vendor/preact.js";
import { explain, post, send } from "../core/client.js";
import { save } from "../core/files.js";
import { ago, plural } from "../core/format.js";
import { go } from "../core/route.js";
import { announce } from "../parts/announcer.js";
import { CopyButton } from "../parts/copy_button.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { Counts, totalOf } from "./counts.js";
import { useObject } from "./listing.js";
import { Results } from "./results.js";
import { Status } from "./status.js";

const isOver = ({ processing_status }) => processing_status === "ended";

export function BatchView({ id }) {
  const { item: batch, problem, refresh } = useObject(pathOf(id), isOver);
  return html`<div class="page">
    <a class="back" href="#/batches"><${Icon} name="left" size=${16} /> All batches</a>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
    ${batch && html`<${Batch} batch=${batch} refresh=${refresh} />`}
  </div>`;
}

const pathOf = (id) => `/v1/messages/batches/${encodeURIComponent(id)}`;

function Batch({ batch, refresh }) {
  const { id, processing_status, request_counts, created_at, ended_at, expires_at } = batch;
  const [results, setResults] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (ended_at) void readResults(id).then(setResults, (error) => setProblem(explain(error)));
  }, [id, ended_at]);
  return html`<article>
    <header class="page-head with-tools">
      <div>
        <h1 class="mono id-title">${id} <${CopyButton} text=${() => id} label="Copy the id" size=${16} /></h1>
        <p><${Status} status=${processing_status} /> <span class="muted">${plural(totalOf(request_counts), "request")},
          made ${ago(created_at)}, ${ended_at ? `ended ${ago(ended_at)}` : `ends ${ago(expires_at)} at the latest`}</span></p>
      </div>
      <${Actions} batch=${batch} results=${results} refresh=${refresh} onProblem=${setProblem} />
    </header>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
    <section class="panel" aria-label="Requests"><${Counts} counts=${request_counts} /></section>
    ${results !== null && html`<${Results} text=${results} />`}
  </article>`;
}

const readResults = async (id) => (await send(`${pathOf(id)}/results`)).text();

function Actions({ batch, results, refresh, onProblem }) {
  const [isAsking, setAsking] = useState(false);
  const { id, processing_status, ended_at } = batch;
  const attempt = (what) => what().catch((error) => onProblem(explain(error)));
  const cancel = () => attempt(async () => {
    await post(`${pathOf(id)}/cancel`);
    announce("Canceled");
    await refresh();
  });
  const forget = () => attempt(async () => {
    await send(pathOf(id), { method: "DELETE" });
    go("/batches");
  });
  return html`<div class="row">
    ${processing_status === "in_progress" && html`<button type="button" class="button" onClick=${cancel}><${Icon} name="stop" /> Cancel</button>`}
    ${results !== null && html`<button type="button" class="button primary" onClick=${() => save(`${id}.jsonl`, results, "application/x-jsonl")}>
      <${Icon} name="download" /> Results
    </button>`}
    ${ended_at && html`<button type="button" class="button danger" onClick=${() => setAsking(true)}><${Icon} name="trash" /> Delete</button>`}
    ${isAsking && html`<${Confirm} title="Delete this batch?" text="The server forgets it and its results." action="Delete it" onConfirm=${forget} onClose=${() => setAsking(false)} />`}
  </div>`;
}
