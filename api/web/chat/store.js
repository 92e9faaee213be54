// Conversations: in memory while the page is open, in the browser's database for later.
import { computed, signal } from "../vendor/preact.js";
import { createStore, del, entries, set } from "../vendor/idb-keyval.js";
import { newId } from "../core/ids.js";
import { read, write } from "../core/storage.js";

const SAVE_MS = 300;
const TITLE_LENGTH = 60;

export const DEFAULTS = {
  model: "",
  system: "",
  temperature: 0.7,
  topP: 1,
  topK: 0,
  maxTokens: 2_048,
  effort: "off",
  tools: "",
};

/** By id. A conversation is `{ id, title, createdAt, updatedAt, settings, messages }`, and never changed in place. */
export const conversations = signal(new Map());
export const isLoaded = signal(false);
export const listed = computed(() => [...conversations.value.values()].sort((a, b) => b.updatedAt - a.updatedAt));

const database = createStore("pensieve", "conversations");
const unsaved = new Map();

export async function loadConversations() {
  try {
    const found = await entries(database);
    conversations.value = new Map([...found, ...conversations.value]);
  } catch {
    // No database (some private windows): conversations last as long as the page.
  }
  isLoaded.value = true;
}

export function newConversation() {
  const now = Date.now();
  const settings = { ...DEFAULTS, ...read("settings", {}) };
  return { id: newId(), title: "", createdAt: now, updatedAt: now, settings, messages: [] };
}

export const conversation = (id) => conversations.value.get(id);

/** `change` gets the conversation and returns the new one. */
export function update(id, change) {
  const before = conversations.value.get(id);
  if (before) put(change(before));
}

export function put(changed) {
  conversations.value = new Map(conversations.value).set(changed.id, changed);
  unsaved.set(changed.id, changed);
  if (unsaved.size === 1) setTimeout(saveNow, SAVE_MS);
}

export function remove(id) {
  const others = new Map(conversations.value);
  others.delete(id);
  conversations.value = others;
  unsaved.delete(id);
  void del(id, database).catch(() => {});
}

export function saveSettings(id, settings) {
  write("settings", settings);
  update(id, (before) => ({ ...before, settings }));
}

/** Replace the message of that id. */
export function putMessage(conversationId, message) {
  update(conversationId, (before) => ({
    ...before,
    messages: before.messages.map((known) => (known.id === message.id ? message : known)),
  }));
}

export function titleFrom(text) {
  const line = text.trim().split("\n")[0];
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH).trimEnd()}…` : line;
}

function saveNow() {
  for (const [id, changed] of unsaved) void set(id, changed, database).catch(() => {});
  unsaved.clear();
}

addEventListener("pagehide", saveNow);
document.addEventListener("visibilitychange", saveNow);
