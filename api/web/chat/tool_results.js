// The model asked for calls: here their results are entered, since this page runs nothing itself.
import { html, useRef } from "../vendor/preact.js";

export function ToolResults({ calls, onSend }) {
  const form = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    onSend(Object.fromEntries(calls.map(({ id }) => [id, form.current.elements[id].value])));
  };
  return html`<form ref=${form} class="tool-results stack" onSubmit=${submit}>
    ${calls.map(
      ({ id, name }) => html`<label class="field" key=${id}>
        <span>Result of <code>${name}</code></span>
        <textarea name=${id} rows="2" required placeholder="What the tool answered"></textarea>
      </label>`,
    )}
    <div class="row end"><button class="button primary">Send ${calls.length === 1 ? "the result" : "the results"}</button></div>
  </form>`;
}
