// The conversations that this browser keeps, latest first.
import { computed, html, useState } from "../vendor/preact.js";
import { go } from "../core/route.js";
import { Icon, IconButton } from "../parts/icons.js";
import { running } from "./answering.js";
import { ConversationMenu } from "./conversation_menu.js";
import { isLoaded, listed } from "./store.js";

// Conversations change with every word of an answer; this list only where something that it shows does.
const lines = computed(() => {
  const active = new Set(running.value.keys());
  return JSON.stringify(
    listed.value
      .filter(({ messages }) => messages.length > 0)
      .map(({ id, title, messages }) => ({ id, title, isRunning: messages.some((message) => active.has(message.id)) })),
  );
});

export function ConversationList({ currentId, onChoose }) {
  const shown = JSON.parse(lines.value);
  const begin = () => {
    go("/chat");
    onChoose();
    document.querySelector(".composer textarea")?.focus();
  };
  return html`<section class="conversations" aria-label="Conversations">
    <button type="button" class="button new-chat" onClick=${begin}><${Icon} name="plus" /> New chat</button>
    ${isLoaded.value && shown.length === 0
      ? html`<p class="muted small">Conversations stay in this browser. Yours will be listed here.</p>`
      : html`<ul>${shown.map((line) => html`<${Line} key=${line.id} ...${line} isCurrent=${line.id === currentId} />`)}</ul>`}
  </section>`;
}

function Line({ id, title, isRunning, isCurrent }) {
  const [isOpen, setOpen] = useState(false);
  return html`<li class="conversation" data-current=${isCurrent}>
    <a href=${`#/chat/${id}`} aria-current=${isCurrent ? "page" : null}>
      ${isRunning && html`<span class="dot running" title="Being answered"></span>`}
      <span class="ellipsis">${title || "Untitled"}</span>
    </a>
    <${IconButton} icon="more" size=${18} label=${`Rename, export or delete “${title}”`} onClick=${() => setOpen(true)} />
    ${isOpen && html`<${ConversationMenu} id=${id} onClose=${() => setOpen(false)} />`}
  </li>`;
}
