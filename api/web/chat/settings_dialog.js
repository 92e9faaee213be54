// System prompt, sampling, thinking and tools of a conversation; the next one begins with the same.
import { html, useRef, useState } from "../vendor/preact.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { DEFAULTS } from "./store.js";

const EFFORTS = [["off", "Off"], ["low", "A little"], ["medium", "Some"], ["high", "As long as it takes"]];

export function SettingsDialog({ settings, model, onChange, onClose }) {
  const form = useRef(null);
  const [problem, setProblem] = useState("");
  const submit = (event) => {
    event.preventDefault();
    const changed = read(form.current.elements, settings);
    const wrong = problemWith(changed.tools);
    setProblem(wrong);
    if (wrong) return;
    onChange(changed);
    onClose();
  };
  const reset = () => {
    onChange({ ...DEFAULTS, model: settings.model });
    onClose();
  };
  const thinks = model?.capabilities?.thinking?.supported;
  return html`<${Dialog} title="Settings" onClose=${onClose} kind="wide">
    <form ref=${form} class="stack" onSubmit=${submit}>
      <label class="field"><span>System prompt</span>
        <textarea name="system" rows="4" placeholder="You are a patient teacher. Answer briefly." defaultValue=${settings.system}></textarea>
      </label>
      <div class="grid-2">
        <${Slider} name="temperature" label="Temperature" max="1" step="0.05" value=${settings.temperature} hint="0 always takes the likeliest word" />
        <${Slider} name="topP" label="Top-p" max="1" step="0.05" value=${settings.topP} hint="1 leaves nothing out" />
        <label class="field"><span>Top-k</span>
          <input name="topK" type="number" min="0" max="1000" defaultValue=${settings.topK} /><small>0 is off</small>
        </label>
        <label class="field"><span>Longest answer, in tokens</span>
          <input name="maxTokens" type="number" min="1" defaultValue=${settings.maxTokens} />
        </label>
      </div>
      <label class="field"><span>Thinking before the answer</span>
        <select name="effort" disabled=${!thinks} defaultValue=${settings.effort}>
          ${EFFORTS.map(([value, label]) => html`<option value=${value} selected=${value === settings.effort}>${label}</option>`)}
        </select>
        ${!thinks && html`<small>This model does not think.</small>`}
      </label>
      <details class="fold" open=${settings.tools.trim() !== ""}>
        <summary>Tools <${Icon} name="right" size=${14} /></summary>
        <label class="field fold-body"><span>Definitions, as in the API: a JSON array</span>
          <textarea name="tools" rows="5" class="mono" spellcheck="false" placeholder=${EXAMPLE} defaultValue=${settings.tools}
            aria-invalid=${problem !== ""} aria-describedby="tools-problem"></textarea>
          <small id="tools-problem" role="alert">${problem || "The page shows calls, and asks you for their results."}</small>
        </label>
      </details>
      <div class="dialog-actions apart">
        <button type="button" class="button" onClick=${reset}>Reset</button>
        <button class="button primary">Save</button>
      </div>
    </form>
  <//>`;
}

const EXAMPLE = '[{"name": "weather", "description": "…", "input_schema": {"type": "object"}}]';

function Slider({ name, label, max, step, value, hint }) {
  const [shown, setShown] = useState(value);
  return html`<label class="field"><span>${label} <span class="value">${shown}</span></span>
    <input name=${name} type="range" min="0" max=${max} step=${step} defaultValue=${value}
      onInput=${(event) => setShown(Number(event.target.value))} />
    <small>${hint}</small>
  </label>`;
}

function read(elements, before) {
  const number = (name) => (elements[name].value === "" ? DEFAULTS[name] : Number(elements[name].value));
  return {
    ...before,
    system: elements.system.value,
    temperature: number("temperature"),
    topP: number("topP"),
    topK: number("topK"),
    maxTokens: number("maxTokens"),
    effort: elements.effort.value,
    tools: elements.tools.value,
  };
}

function problemWith(tools) {
  if (!tools.trim()) return "";
  try {
    return Array.isArray(JSON.parse(tools)) ? "" : "This is JSON, but no array.";
  } catch (error) {
    return `This is no JSON: ${error.message}`;
  }
}
