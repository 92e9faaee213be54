// A batch's results, the first of them; the file has all.
import { html, useMemo } from "../vendor/preact.js";
import { ofMessage } from "../chat/answer.js";
import { count } from "../core/format.js";
import { Blocks } from "../parts/blocks.js";
import { Status } from "./status.js";

const SHOWN = 100;

export function Results({ text }) {
  const lines = useMemo(() => text.split("\n").filter(Boolean), [text]);
  const shown = useMemo(() => lines.slice(0, SHOWN).map((line) => JSON.parse(line)), [lines]);
  return html`<section aria-label="Results">
    <h2>Results</h2>
    <ul class="cards">
      ${shown.map(({ custom_id, result }) => html`<li key=${custom_id} class="panel result-line">
        <div class="row"><strong class="mono">${custom_id}</strong><${Status} status=${result.type} /></div>
        ${result.message && html`<${Blocks} blocks=${ofMessage(result.message).blocks} />`}
        ${result.error && html`<p class="muted">${result.error.error?.message ?? result.error.message}</p>`}
      </li>`)}
    </ul>
    ${lines.length > SHOWN && html`<p class="muted">These are the first ${SHOWN} of ${count(lines.length)}; the file has all.</p>`}
  </section>`;
}
