// What can be done with a conversation as a whole: rename, export, delete.
import { html, useState } from "../vendor/preact.js";
import { save } from "../core/files.js";
import { go, path } from "../core/route.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { abandon } from "./answering.js";
import { asMarkdown } from "./export.js";
import { conversation, remove, update } from "./store.js";

export function ConversationMenu({ id, onClose }) {
  const [title, setTitle] = useState(conversation(id)?.title ?? "");
  const [isSure, setSure] = useState(false);
  const rename = (event) => {
    event.preventDefault();
    update(id, (before) => ({ ...before, title: title.trim() || before.title }));
    onClose();
  };
  const forget = () => {
    if (!isSure) {
      setSure(true);
      return;
    }
    onClose();
    abandon(conversation(id));
    remove(id);
    if (path.value.id === id) go("/chat", { replace: true });
  };
  return html`<${Dialog} title="Conversation" onClose=${onClose}>
    <form class="stack" onSubmit=${rename}>
      <label class="field"><span>Name</span>
        <input value=${title} maxlength="200" onInput=${(event) => setTitle(event.target.value)} />
      </label>
      <div class="row">
        <button type="button" class="button" onClick=${() => exportAs(id, "md")}><${Icon} name="download" /> Markdown</button>
        <button type="button" class="button" onClick=${() => exportAs(id, "json")}><${Icon} name="download" /> JSON</button>
      </div>
      <div class="dialog-actions apart">
        <button type="button" class="button danger" onClick=${forget}>
          <${Icon} name="trash" /> ${isSure ? "Delete it for good" : "Delete"}
        </button>
        <button class="button primary">Save</button>
      </div>
    </form>
  <//>`;
}

function exportAs(id, kind) {
  const found = conversation(id);
  const name = `${found.title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "conversation"}.${kind}`;
  if (kind === "json") save(name, JSON.stringify(found, null, 2));
  else save(name, asMarkdown(found), "text/markdown");
}
