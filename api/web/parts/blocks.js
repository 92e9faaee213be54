// The blocks of an answer: text, thinking, calls of tools.
import { html } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { Prose } from "./prose.js";

export function Blocks({ blocks }) {
  return blocks.map((block, at) => html`<${Block} key=${at} block=${block} />`);
}

function Block({ block }) {
  switch (block.type) {
    case "text":
      return html`<${Prose} text=${block.text} />`;
    case "thinking":
      return html`<${Thinking} block=${block} />`;
    case "tool_use":
      return html`<${Call} block=${block} />`;
    default:
      return null;
  }
}

function Thinking({ block }) {
  const label = block.open ? "Thinking…" : "Thought";
  return html`<details class="fold" open=${block.open}>
    <summary><${Icon} name="thought" size=${16} /><span>${label}</span><${Icon} name="right" size=${14} /></summary>
    <div class="fold-body thinking">${block.thinking.trim() || "The server keeps these thoughts to itself."}</div>
  </details>`;
}

function Call({ block }) {
  const input = block.open || block.input === null ? block.json : JSON.stringify(block.input, null, 2);
  return html`<details class="fold" open>
    <summary>
      <${Icon} name="tool" size=${16} />
      <span>${block.open ? "Calling" : "Call of"} <code>${block.name}</code></span>
      <${Icon} name="right" size=${14} />
    </summary>
    <pre class="fold-body" tabindex="0" aria-label=${`Input of ${block.name}`}>${input || "{}"}</pre>
  </details>`;
}
