// Which model answers, and how.
import { html, useState } from "../vendor/preact.js";
import { plural } from "../core/format.js";
import { modelNamed, models } from "../core/service.js";
import { Icon } from "../parts/icons.js";
import { SettingsDialog } from "./settings_dialog.js";

export function ChatHead({ settings, onChange }) {
  const [isOpen, setOpen] = useState(false);
  const model = modelNamed(settings.model);
  const choose = (event) => onChange({ ...settings, model: event.target.value });
  return html`<header class="chat-head">
    <label class="model-picker">
      <span class="unseen">Model</span>
      <select value=${settings.model} onChange=${choose} disabled=${models.value.length === 0}>
        ${models.value.length === 0 && html`<option>No model yet</option>`}
        ${models.value.map(({ id, display_name }) => html`<option value=${id}>${display_name}</option>`)}
      </select>
    </label>
    ${model && html`<span class="muted small only-wide">${plural(model.max_input_tokens, "token")} of context</span>`}
    <button type="button" class="button quiet" onClick=${() => setOpen(true)}>
      <${Icon} name="sliders" /> Settings ${settings.system.trim() && html`<span class="dot" title="There is a system prompt"></span>`}
    </button>
    ${isOpen && html`<${SettingsDialog} settings=${settings} model=${model} onChange=${onChange} onClose=${() => setOpen(false)} />`}
  </header>`;
}
