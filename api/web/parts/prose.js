// Markdown on the page, which may still be growing.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { copy } from "../core/files.js";
import { announce } from "./announcer.js";
import { partsOf, whenColoured } from "./markdown.js";

export function Prose({ text }) {
  const [colours, setColours] = useState(0);
  const parts = useMemo(() => partsOf(text), [text]);
  useEffect(() => {
    if (text.includes("```")) whenColoured(() => setColours((before) => before + 1));
  }, [text.includes("```")]);
  return html`<div class="prose" onClick=${onCopy}>
    ${parts.map((part, at) => html`<${Part} key=${at} part=${part} colours=${colours} />`)}
  </div>`;
}

function Part({ part, colours }) {
  const inner = useMemo(() => part.html(), [part.raw, colours]);
  return html`<div class="prose-part" dangerouslySetInnerHTML=${{ __html: inner }} />`;
}

async function onCopy(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const worked = await copy(button.closest("figure").querySelector("code").textContent);
  announce(worked ? "Copied" : "Copying is not allowed here");
  button.textContent = worked ? "Copied" : "Not allowed";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1_500);
}
