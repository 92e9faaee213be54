// One job: how far it is, what came of it, and what can be done with it.
import { html, useState } from "../vendor/preact.js";
import { ofMessage } from "../chat/answer.js";
import { explain, post } from "../core/client.js";
import { save } from "../core/files.js";
import { ago, count, plural } from "../core/format.js";
import { go } from "../core/route.js";
import { announce } from "../parts/announcer.js";
import { Blocks } from "../parts/blocks.js";
import { CopyButton } from "../parts/copy_button.js";
import { Icon } from "../parts/icons.js";
import { useObject } from "./listing.js";
import { ACTIVE, FAILED, Status } from "./status.js";

const isOver = ({ status }) => !ACTIVE.has(status);

export function JobView({ id }) {
  const { item: job, problem, refresh } = useObject(`/v1/jobs/${encodeURIComponent(id)}`, isOver);
  return html`<div class="page">
    <a class="back" href="#/jobs"><${Icon} name="left" size=${16} /> All jobs</a>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
    ${job && html`<${Job} job=${job} refresh=${refresh} />`}
  </div>`;
}

function Job({ job, refresh }) {
  const { id, status, result, error } = job;
  return html`<article>
    <header class="page-head with-tools">
      <div>
        <h1 class="mono id-title">${id} <${CopyButton} text=${() => id} label="Copy the id" size=${16} /></h1>
        <p><${Status} status=${status} /></p>
      </div>
      <${Actions} job=${job} refresh=${refresh} />
    </header>
    <${Facts} job=${job} />
    ${error && html`<p class="notice">${error.message}</p>`}
    ${ACTIVE.has(status) && html`<${Progress} job=${job} />`}
    ${result && html`<section class="panel result" aria-label="Result"><${Blocks} blocks=${ofMessage(result).blocks} /></section>`}
  </article>`;
}

function Actions({ job, refresh }) {
  const [problem, setProblem] = useState("");
  const { id, status } = job;
  const attempt = async (what) => {
    try {
      await what();
    } catch (error) {
      setProblem(explain(error));
    }
  };
  const cancel = () => attempt(async () => {
    await post(`/v1/jobs/${id}/cancel`);
    announce("Canceled");
    await refresh();
  });
  const retry = () => attempt(async () => go(`/jobs/${(await post(`/v1/jobs/${id}/retry`)).id}`));
  return html`<div class="row">
    ${ACTIVE.has(status) && html`<button type="button" class="button" onClick=${cancel}><${Icon} name="stop" /> Cancel</button>`}
    ${FAILED.has(status) && html`<button type="button" class="button" onClick=${retry}><${Icon} name="retry" /> Try again</button>`}
    <button type="button" class="button" onClick=${() => save(`${id}.json`, JSON.stringify(job, null, 2))}>
      <${Icon} name="download" /> JSON
    </button>
    ${problem && html`<p class="notice" role="alert">${problem}</p>`}
  </div>`;
}

function Facts({ job }) {
  const { model, created_at, expires_at, progress, result } = job;
  const usage = result?.usage;
  const read = usage && usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  const facts = [
    ["Model", model],
    ["Accepted", ago(created_at)],
    !result && ["Must end", ago(expires_at)],
    usage && ["Prompt", `${plural(read, "token")}${usage.cache_read_input_tokens ? `, ${count(usage.cache_read_input_tokens)} from cache` : ""}`],
    ["Written", plural(progress.output_tokens, "token")],
    result && ["Ended by", result.stop_reason.replaceAll("_", " ")],
  ].filter(Boolean);
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Progress({ job }) {
  const { status, position } = job;
  const words = status === "running" ? "A worker is at it." : position ? `${plural(position, "request")} will be taken before this one.` : "It is next.";
  return html`<p class="waiting"><span class="pulse" aria-hidden="true"></span>${words}</p>`;
}
