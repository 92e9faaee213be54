// Asks for the API key of a server that wants one.
import { html, useRef } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";

export function KeyDialog({ question }) {
  const form = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    const { key, keep } = form.current.elements;
    if (key.value.trim()) question.answer(key.value.trim(), { keep: keep.checked });
  };
  return html`<${Dialog} title="API key" onClose=${() => question.answer(null)}>
    <form ref=${form} onSubmit=${submit} class="stack">
      <p class="muted">This server may ask for a key: the value of its <code>PENSIEVE_API_KEY</code>, or one made with
        <code>pensieve keys</code>. It is sent to this server only.</p>
      ${question.refused && html`<p class="notice" role="alert">The key that was used so far is not accepted, or is to be changed.</p>`}
      <label class="field">
        <span>Key</span>
        <input name="key" type="password" autocomplete="off" spellcheck="false" required autofocus />
      </label>
      <label class="check"><input name="keep" type="checkbox" /> Remember it in this browser, not only in this tab</label>
      <div class="dialog-actions"><button class="button primary">Use this key</button></div>
    </form>
  <//>`;
}
