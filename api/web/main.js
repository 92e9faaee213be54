// Mounts the page.
import { html, render } from "./vendor/preact.js";
import { App } from "./app.js";
import { resume } from "./chat/answering.js";
import { conversations, listen, loadConversations } from "./chat/store.js";

render(html`<${App} />`, document.getElementById("app"));
await loadConversations();
conversations.value.forEach(resume);
listen(resume);
