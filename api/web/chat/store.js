// Conversations: in memory while the page is open, in the browser's database for later and for other tabs.
import { computed, signal } from "../vendor/preact.js";
import { newId } from "../core/ids.js";
import { go, path } from "../core/route.js";
import { read, write } from "../core/storage.js";
import { all, change, drop, one } from "./database.js";
import { merge } from "./merge.js";

const TITLE_LENGTH = 60;
const PATIENCE_MS = 1_000;

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

/**
 * By id. A conversation is `{ id, revision, title, createdAt, updatedAt, settings, messages }`, and never changed in place.
 * Its revision is that of the one in the database from which it was made; a new one has none.
 */
export const conversations = signal(new Map());
export const isLoaded = signal(false);
export const listed = computed(() => [...conversations.value.values()].sort((a, b) => b.updatedAt - a.updatedAt));

const tabs = new BroadcastChannel("pensieve.conversations");
/** By id: what the database had when this tab last looked. */
const seen = new Map();
const unsaved = new Set();
let work = Promise.resolve();
let onHeard = () => {};

export async function loadConversations() {
  // No database (some private windows): conversations last as long as the page.
  const found = await all().catch(() => []);
  for (const [id, known] of found) seen.set(id, known);
  conversations.value = new Map([...found, ...conversations.value]);
  isLoaded.value = true;
}

/** `listener` is told of each conversation that another tab has changed. */
export function listen(listener) {
  onHeard = listener;
  tabs.onmessage = ({ data: id }) => void refresh(id);
}

/** Once what was changed until now is in the database; one that doesn't answer is not waited for. */
export function saved() {
  return Promise.race([queue(() => {}), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
}

/** Look at what other tabs have made of it. */
export const refresh = (id) => queue(async () => heard(id, await one(id)));

export function newConversation() {
  const now = Date.now();
  const settings = { ...DEFAULTS, ...read("settings", {}) };
  return { id: newId(), title: "", createdAt: now, updatedAt: now, settings, messages: [] };
}

export const conversation = (id) => conversations.value.get(id);

/** The one in which a message of this id stands. */
export const conversationWith = (messageId) =>
  [...conversations.value.values()].find(({ messages }) => messages.some(({ id }) => id === messageId));

/** `change` gets the conversation and returns the new one. */
export function update(id, change) {
  const before = conversations.value.get(id);
  if (before) put(change(before));
}

export function put(changed) {
  show(changed);
  if (unsaved.has(changed.id)) return;
  unsaved.add(changed.id);
  void queue(() => save(changed.id));
}

export function remove(id) {
  forget(id);
  void queue(async () => {
    await drop(id);
    tabs.postMessage(id);
  });
}

export function saveSettings(id, settings) {
  write("settings", settings);
  update(id, (before) => ({ ...before, settings }));
}

/** Replace the message of that id, wherever it stands. */
export function putMessage(message) {
  const replaced = (known) => (known.id === message.id ? message : known);
  for (const known of conversations.value.values()) {
    if (known.messages.some(({ id }) => id === message.id)) put({ ...known, messages: known.messages.map(replaced) });
  }
}

export function titleFrom(text) {
  const line = text.trim().split("\n")[0];
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH).trimEnd()}…` : line;
}

/** One thing after the other, whatever becomes of it. */
function queue(task) {
  work = work.then(task).catch(() => {});
  return work;
}

async function save(id) {
  unsaved.delete(id);
  const mine = conversations.value.get(id);
  if (!mine) return;
  let base = mine;
  const kept = await change(id, (stored) => {
    // Deleted in another tab, and so here.
    if (!stored && mine.revision) return undefined;
    if (!stored || stored.revision === mine.revision) return { ...mine, revision: newId() };
    const merged = merge(seen.get(id), mine, stored);
    if (merged.fork) base = seen.get(id);
    return { ...merged.kept, revision: newId() };
  });
  tabs.postMessage(id);
  settle(id, base, kept);
}

function heard(id, stored) {
  const mine = conversations.value.get(id);
  if (!stored || stored.revision !== mine?.revision) settle(id, unsaved.has(id) ? seen.get(id) : mine, stored);
  if (stored) onHeard(conversations.value.get(id));
}

/** Show what is `kept` now, with what was changed here since `base`, which is part of it. */
function settle(id, base, kept) {
  const mine = conversations.value.get(id);
  if (!kept) {
    if (mine?.revision) forget(id);
    return;
  }
  seen.set(id, kept);
  if (!mine || mine === base) {
    show(kept);
    return;
  }
  const merged = merge(base, mine, kept);
  show({ ...merged.kept, revision: kept.revision });
  if (merged.fork) branch(merged.fork);
}

/** What was said here at the same time as something else in another tab goes on as a conversation of its own. */
function branch(mine) {
  const { revision, ...rest } = mine;
  const apart = { ...rest, id: newId(), title: `${mine.title} (from another tab)` };
  put(apart);
  if (path.value.id === mine.id) go(`/chat/${apart.id}`, { replace: true });
}

function show(changed) {
  conversations.value = new Map(conversations.value).set(changed.id, changed);
}

function forget(id) {
  const others = new Map(conversations.value);
  others.delete(id);
  conversations.value = others;
  seen.delete(id);
  unsaved.delete(id);
}
