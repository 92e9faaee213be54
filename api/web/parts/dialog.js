// A modal dialog: the browser's own, which keeps the focus inside and closes on Escape.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { IconButton } from "./icons.js";

export function Dialog({ title, onClose, children, kind = "" }) {
  const element = useRef(null);
  useEffect(() => element.current.showModal(), []);
  const onBackdrop = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} class=${`dialog ${kind}`} aria-label=${title} onClose=${onClose} onClick=${onBackdrop}>
    <div class="dialog-body">
      <header class="dialog-head">
        <h2>${title}</h2>
        <${IconButton} icon="close" label="Close" onClick=${() => element.current.close()} />
      </header>
      ${children}
    </div>
  </dialog>`;
}

export function Confirm({ title, text, action, onConfirm, onClose }) {
  const confirm = () => {
    onClose();
    onConfirm();
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <div class="dialog-actions">
      <button type="button" class="button" onClick=${onClose}>Keep it</button>
      <button type="button" class="button danger" onClick=${confirm}>${action}</button>
    </div>
  <//>`;
}
