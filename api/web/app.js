// The page's frame: where one can go, and the view that one is in.
import { Fragment, html, signal, useEffect } from "./vendor/preact.js";
import { asking } from "./core/key.js";
import { path } from "./core/route.js";
import { lookAtService } from "./core/service.js";
import { ChatView } from "./chat/chat_view.js";
import { JobsView } from "./jobs/jobs_view.js";
import { BatchesView } from "./jobs/batches_view.js";
import { LiveView } from "./live/live_view.js";
import { Announcer } from "./parts/announcer.js";
import { IconButton } from "./parts/icons.js";
import { KeyDialog } from "./parts/key_dialog.js";
import { Sidebar } from "./sidebar.js";

const VIEWS = {
  chat: { title: "Chat", view: ChatView },
  live: { title: "Live", view: LiveView },
  jobs: { title: "Jobs", view: JobsView },
  batches: { title: "Batches", view: BatchesView },
};

const isMenuOpen = signal(false);

export function App() {
  const { view, id } = path.value;
  const { title, view: View } = VIEWS[view] ?? VIEWS.chat;
  useEffect(() => void lookAtService(), []);
  useEffect(() => {
    document.title = `${title} · Pensieve`;
    isMenuOpen.value = false;
  }, [view, id]);
  return html`<${Fragment}>
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <div class="shell" data-menu=${isMenuOpen.value ? "open" : "closed"} onKeyDown=${closeMenuOnEscape}>
      <${Sidebar} view=${view} id=${id} onClose=${() => (isMenuOpen.value = false)} />
      <div class="scrim" onClick=${() => (isMenuOpen.value = false)}></div>
      <div class="content">
        <header class="topbar">
          <${IconButton} icon="menu" label="Menu" aria-expanded=${isMenuOpen.value} onClick=${openMenu} />
          <span class="topbar-title">${title}</span>
        </header>
        <main id="main" tabindex="-1"><${View} key=${view} id=${id} /></main>
      </div>
    </div>
    ${asking.value && html`<${KeyDialog} question=${asking.value} />`}
    <${Announcer} />
  <//>`;
}

function openMenu() {
  isMenuOpen.value = true;
  document.querySelector(".sidebar a, .sidebar button")?.focus();
}

function closeMenuOnEscape(event) {
  if (event.key !== "Escape" || !isMenuOpen.value) return;
  isMenuOpen.value = false;
  document.querySelector(".topbar button").focus();
}

// The fragment is the router's.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}
