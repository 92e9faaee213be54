// A button that copies a text, and says for a moment that it did.
import { html, useState } from "../vendor/preact.js";
import { copy } from "../core/files.js";
import { announce } from "./announcer.js";
import { IconButton } from "./icons.js";

const THANKS_MS = 1_500;

export function CopyButton({ text, label = "Copy", size }) {
  const [done, setDone] = useState(false);
  const onClick = async () => {
    const worked = await copy(text());
    announce(worked ? "Copied" : "Copying is not allowed here");
    setDone(worked);
    setTimeout(() => setDone(false), THANKS_MS);
  };
  return html`<${IconButton} icon=${done ? "check" : "copy"} label=${label} size=${size} onClick=${onClick} />`;
}
