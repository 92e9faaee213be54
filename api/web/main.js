// Mounts the page.
import { html, render } from "./vendor/preact.js";
import { App } from "./app.js";
import { resumeAll } from "./chat/answering.js";
import { loadConversations } from "./chat/store.js";

render(html`<${App} />`, document.getElementById("app"));
await loadConversations();
resumeAll();
