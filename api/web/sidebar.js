// The way around: the views, the conversations, and how the service is.
import { html } from "./vendor/preact.js";
import { changeKey } from "./core/key.js";
import { health } from "./core/service.js";
import { nextTheme, theme } from "./core/theme.js";
import { ConversationList } from "./chat/conversation_list.js";
import { Icon, IconButton } from "./parts/icons.js";

const LINKS = [
  ["chat", "Chat", "chat"],
  ["live", "Live", "pulse"],
  ["jobs", "Jobs", "list"],
  ["batches", "Batches", "stack"],
];
const THEMES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

export function Sidebar({ view, id, onClose }) {
  return html`<div class="sidebar">
    <div class="brand">
      <${Mark} />
      <span>Pensieve</span>
      <${IconButton} icon="close" label="Close the menu" class="icon-button only-phone" onClick=${onClose} />
    </div>
    <nav aria-label="Views">
      ${LINKS.map(
        ([name, label, icon]) => html`<a class="nav-link" href=${`#/${name}`} aria-current=${name === view ? "page" : null}>
          <${Icon} name=${icon} /> ${label}
        </a>`,
      )}
    </nav>
    <${ConversationList} currentId=${view === "chat" ? id : null} onChoose=${onClose} />
    <footer class="sidebar-foot">
      <${Health} />
      <${IconButton} icon="key" label="API key" onClick=${changeKey} />
      <${IconButton} icon=${theme.value} label=${THEMES[theme.value]} onClick=${nextTheme} />
    </footer>
  </div>`;
}

const Mark = () => html`<svg class="mark" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
  <path class="mark-bowl" d="M4 14h24a12 12 0 0 1-8.5 11.5V29h-7v-3.5A12 12 0 0 1 4 14z" />
  <path class="mark-wisp" d="M9 9.5c2.5-4 5 1.5 7.5-2s4.5-2 7 .5" />
</svg>`;

function Health() {
  const { state, missing } = health.value;
  const words = {
    unknown: "Looking…",
    ready: "Ready",
    "not ready": missing.includes("worker") ? "No worker" : "Not ready",
    away: "Can't be reached",
  };
  return html`<span class="health" data-state=${state}><span class="dot"></span>${words[state]}</span>`;
}
