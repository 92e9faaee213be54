// One message of a conversation, with what can be done with it.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Blocks } from "../parts/blocks.js";
import { CopyButton } from "../parts/copy_button.js";
import { IconButton } from "../parts/icons.js";
import { announce } from "../parts/announcer.js";
import { callsOf, textOf } from "./answer.js";
import { running } from "./answering.js";
import { Ending, Figures } from "./figures.js";
import { ToolResults } from "./tool_results.js";

export function Message({ message, ...rest }) {
  return message.role === "user"
    ? html`<${Question} message=${message} ...${rest} />`
    : html`<${Answer} message=${message} ...${rest} />`;
}

function Question({ message, isBusy, onEdit }) {
  const [isEdited, setEdited] = useState(false);
  if (isEdited) return html`<${Editor} text=${message.text} onClose=${() => setEdited(false)} onEdit=${onEdit} />`;
  return html`<article class="message question" aria-label="You">
    ${message.results && html`<p class="bubble muted">Results of the calls above</p>`}
    ${message.text && html`<div class="bubble">${message.text}</div>`}
    <div class="message-actions">
      <${CopyButton} text=${() => message.text} size=${16} />
      ${!isBusy && message.text && html`<${IconButton} icon="edit" size=${16} label="Edit and ask again" onClick=${() => setEdited(true)} />`}
    </div>
  </article>`;
}

function Editor({ text, onClose, onEdit }) {
  const area = useRef(null);
  useEffect(() => {
    area.current.focus();
    area.current.setSelectionRange(text.length, text.length);
  }, []);
  const done = () => {
    onClose();
    if (area.current.value.trim()) onEdit(area.current.value);
  };
  const onKeyDown = (event) => {
    if (event.key === "Escape") onClose();
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) done();
  };
  return html`<div class="message editor">
    <textarea ref=${area} rows="3" aria-label="Edit your message" defaultValue=${text} onKeyDown=${onKeyDown}></textarea>
    <div class="row end">
      <button type="button" class="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="button primary" onClick=${done}>Ask again</button>
    </div>
  </div>`;
}

function Answer({ message, isLast, isBusy, onRetry, onResults }) {
  const job = running.value.get(message.id);
  const answer = job ? job.answer.value : message;
  const isRunning = Boolean(job);
  const wasRunning = useRef(isRunning);
  useEffect(() => {
    if (wasRunning.current && !isRunning) announce(answer.status === "done" ? "The answer is complete" : "The answer has ended");
    wasRunning.current = isRunning;
  }, [isRunning]);
  const calls = callsOf(answer);
  return html`<article class="message answer" aria-label="Answer" aria-busy=${isRunning}>
    <${Blocks} blocks=${answer.blocks} />
    ${job && html`<${Waiting} job=${job} answer=${answer} />`}
    ${!isRunning && html`<${Ending} answer=${answer} />`}
    ${!isRunning && isLast && calls.length > 0 && html`<${ToolResults} calls=${calls} onSend=${onResults} />`}
    ${!isRunning && html`<div class="message-actions">
      <${CopyButton} text=${() => textOf(answer)} size=${16} />
      ${!isBusy && html`<${IconButton} icon="retry" size=${16} label="Answer again" onClick=${onRetry} />`}
      <${Figures} answer=${answer} />
    </div>`}
  </article>`;
}

function Waiting({ job, answer }) {
  if (job.isLost.value) return html`<p class="waiting">The connection is lost; it goes on as soon as the server is back.</p>`;
  if (answer.blocks.length > 0) return html`<span class="caret" aria-hidden="true"></span>`;
  const place = job.place.value;
  const words = place ? `In the queue, ${place} before this one` : "Reading your message";
  return html`<p class="waiting"><span class="pulse" aria-hidden="true"></span>${words}</p>`;
}
