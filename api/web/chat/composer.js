// The place to write: Enter sends, Shift and Enter begins a line, Escape stops the answer.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "../parts/icons.js";

export function Composer({ isBusy, onSend, onStop }) {
  const [text, setText] = useState("");
  const area = useRef(null);
  useEffect(() => {
    // Focusing on a phone would bring the keyboard up before anybody asked for it.
    if (matchMedia("(hover: hover)").matches) area.current.focus();
  }, []);
  useEffect(() => {
    if (!isBusy) return undefined;
    const onKey = (event) => event.key === "Escape" && !document.querySelector("dialog[open]") && onStop();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isBusy, onStop]);
  const send = (event) => {
    event?.preventDefault();
    // What is there now: Enter may come before the last letter has been rendered.
    const written = area.current.value;
    if (isBusy || !written.trim()) return;
    onSend(written);
    setText("");
    area.current.focus();
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };
  return html`<form class="composer" onSubmit=${send}>
    <textarea
      ref=${area}
      rows="1"
      aria-label="Your message"
      placeholder="Write a message"
      value=${text}
      onInput=${(event) => setText(event.target.value)}
      onKeyDown=${onKeyDown}
    ></textarea>
    ${isBusy
      ? html`<button type="button" class="round" aria-label="Stop" title="Stop (Escape)" onClick=${onStop}><${Icon} name="stop" /></button>`
      : html`<button class="round primary" aria-label="Send" title="Send (Enter)" disabled=${!text.trim()}><${Icon} name="send" /></button>`}
  </form>`;
}
