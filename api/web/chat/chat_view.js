// A conversation: its messages, the place to write, and how it is answered.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { newId } from "../core/ids.js";
import { go } from "../core/route.js";
import { modelNamed, models } from "../core/service.js";
import { Icon } from "../parts/icons.js";
import { answer, running, stop } from "./answering.js";
import { ChatHead } from "./chat_head.js";
import { Composer } from "./composer.js";
import { Message } from "./message.js";
import { conversation, conversations, isLoaded, newConversation, put, saveSettings, titleFrom, update } from "./store.js";
import { Welcome } from "./welcome.js";

const NEAR_PX = 80;

export function ChatView({ id }) {
  const [draft, setDraft] = useState(newConversation);
  useEffect(() => {
    // What was the draft has a name now; the next one begins empty.
    if (id !== null) setDraft(newConversation());
  }, [id]);
  const known = id === null ? draft : conversations.value.get(id);
  useEffect(() => {
    if (isLoaded.value && id !== null && !known) go("/chat", { replace: true });
  }, [isLoaded.value, id, known]);
  if (!known) return html`<div class="chat"></div>`;
  return html`<${Conversation} key=${known.id} conversation=${withModel(known)} isNew=${id === null} onDraft=${setDraft} />`;
}

// Conversations outlive the models that they began with.
function withModel(known) {
  const model = modelNamed(known.settings.model)?.id ?? known.settings.model;
  return { ...known, settings: { ...known.settings, model } };
}

function Conversation({ conversation: shown, isNew, onDraft }) {
  const { id, messages, settings } = shown;
  const active = messages.find((message) => running.value.has(message.id));
  const scroll = useStickyScroll(active);
  const change = (changed) => {
    if (isNew) onDraft({ ...shown, settings: changed });
    saveSettings(id, changed);
  };
  const submit = (text, results) => {
    if (isNew) put({ ...shown, title: titleFrom(text) });
    say(id, { text, results, settings });
    if (isNew) go(`/chat/${id}`);
    scroll.toEnd();
  };
  return html`<div class="chat">
    <${ChatHead} settings=${settings} onChange=${change} />
    <div class="chat-scroll" ref=${scroll.element} onScroll=${scroll.onScroll}>
      <div class="chat-column" ref=${scroll.inner}>
        ${messages.length === 0 && html`<${Welcome} onChoose=${submit} isReady=${models.value.length > 0} />`}
        ${messages.map(
          (message, at) => html`<${Message}
            key=${message.id}
            message=${message}
            isLast=${at === messages.length - 1}
            isBusy=${Boolean(active)}
            onRetry=${() => again(id, at)}
            onEdit=${(text) => edit(id, at, text)}
            onResults=${(results) => submit("", results)}
          />`,
        )}
      </div>
    </div>
    <div class="chat-foot">
      ${!scroll.isAtEnd && html`<button type="button" class="button to-end" onClick=${scroll.toEnd}>
        <${Icon} name="down" /> Latest
      </button>`}
      <${Composer} isBusy=${Boolean(active)} onSend=${submit} onStop=${() => stop(active?.id)} />
    </div>
  </div>`;
}

function say(id, { text, results, settings }) {
  const message = { id: newId(), role: "user", text, results };
  update(id, (before) => ({ ...before, settings, messages: [...before.messages, message] }));
  answer(id);
}

/** Forget the answer at this place and all that follows, and have a new one written. */
function again(id, at) {
  update(id, (before) => ({ ...before, messages: before.messages.slice(0, at) }));
  answer(id);
}

function edit(id, at, text) {
  const before = conversation(id).messages[at];
  update(id, (known) => ({ ...known, messages: [...known.messages.slice(0, at), { ...before, id: newId(), text }] }));
  answer(id);
}

/** Stays at the end while an answer grows, unless its reader has gone up. */
function useStickyScroll(active) {
  const element = useRef(null);
  const inner = useRef(null);
  const isSticky = useRef(true);
  const [isAtEnd, setAtEnd] = useState(true);
  const toEnd = () => {
    isSticky.current = true;
    element.current?.scrollTo({ top: element.current.scrollHeight });
  };
  const onScroll = () => {
    const { scrollHeight, scrollTop, clientHeight } = element.current;
    isSticky.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    setAtEnd(isSticky.current);
  };
  useLayoutEffect(toEnd, []);
  useEffect(() => {
    const observer = new ResizeObserver(() => isSticky.current && toEnd());
    observer.observe(inner.current);
    return () => observer.disconnect();
  }, [Boolean(active)]);
  return { element, inner, onScroll, isAtEnd, toEnd };
}
