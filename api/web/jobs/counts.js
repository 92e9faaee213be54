// A batch's requests by how they ended.
import { html } from "../vendor/preact.js";
import { count } from "../core/format.js";

export const KINDS = ["succeeded", "errored", "canceled", "expired", "processing"];

export const totalOf = (counts) => KINDS.reduce((total, kind) => total + counts[kind], 0);

export function Counts({ counts }) {
  const total = totalOf(counts);
  const present = KINDS.filter((kind) => counts[kind] > 0);
  return html`<div class="counts">
    <div class="counts-bar" aria-hidden="true">
      ${present.map((kind) => html`<span data-state=${kind} style=${{ width: `${(100 * counts[kind]) / total}%` }}></span>`)}
    </div>
    <ul class="legend">
      ${present.map((kind) => html`<li><span class="swatch" data-state=${kind}></span>${kind} <strong>${count(counts[kind])}</strong></li>`)}
    </ul>
  </div>`;
}
