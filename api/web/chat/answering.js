// Answers that are being written: each is asked for once, followed by its job in one tab, and taken up again after a reload.
import { signal } from "../vendor/preact.js";
import { ApiError, explain, json, post, send } from "../core/client.js";
import { newId } from "../core/ids.js";
import { eventsOf } from "../core/sse.js";
import { ended, fold, newAnswer } from "./answer.js";
import { follow } from "./following.js";
import { requestOf } from "./request.js";
import { conversationWith, putMessage, refresh, saved, update } from "./store.js";

const SHOW_MS = 40;
const KEEP_MS = 400;
const PLACE_MS = 1_000;

/**
 * Running answers by id: `{ answer, place, isLost }` are signals; the conversation has a copy that is a little older. One
 * that another tab follows is among them, and as old as that copy.
 */
export const running = signal(new Map());

/** Add an answer to the conversation's end, and have it written. */
export function answer(conversationId) {
  const fresh = newAnswer(newId(), newId());
  update(conversationId, (before) => ({ ...before, updatedAt: Date.now(), messages: [...before.messages, fresh] }));
  void run(fresh, { isFresh: true });
}

/** Go on with every answer that has not ended: after a reload, and where another tab has begun it and is gone. */
export function resume({ messages }) {
  for (const message of messages) {
    const job = running.value.get(message.id);
    if (job) catchUp(job, message);
    else if (message.status === "running") void run(message);
  }
}

export async function stop(answerId) {
  const job = running.value.get(answerId);
  if (!job) return;
  // Before its job has a name it can't be cancelled: that is done as soon as it has.
  job.isUnwanted = true;
  if (job.answer.value.job) await cancel(job.answer.value.job);
}

const cancel = (job) => post(`/v1/jobs/${job}/cancel`).catch(() => {});

/** Forget answers of a conversation that is no more; their jobs end. */
export function abandon({ messages }) {
  for (const { id } of messages) void stop(id);
}

function catchUp(job, message) {
  if (job.isFollowedHere) return;
  job.answer.value = message;
  if (job.isUnwanted && message.job) void cancel(message.job);
}

async function run(from, { isFresh = false } = {}) {
  const job = { answer: signal(from), place: signal(null), isLost: signal(false), isUnwanted: false, isFollowedHere: isFresh };
  running.value = new Map(running.value).set(from.id, job);
  await alone(from.id, () => followHere(from.id, job));
  const others = new Map(running.value);
  others.delete(from.id);
  running.value = others;
}

/** One tab at a time; the next one's turn comes when that has done it, or was closed. Without https all do it at once. */
async function alone(answerId, work) {
  if (navigator.locks) await navigator.locks.request(`pensieve.answer.${answerId}`, work);
  else await work();
}

async function followHere(answerId, job) {
  if (!job.isFollowedHere) {
    await refresh(conversationWith(answerId)?.id);
    const found = conversationWith(answerId)?.messages.find(({ id }) => id === answerId);
    if (found?.status !== "running") return;
    job.answer.value = { ...found, resumed: true };
    job.isFollowedHere = true;
  }
  const writer = new Writer(job);
  const place = setInterval(() => lookForPlace(job), PLACE_MS);
  try {
    if (!writer.answer.job) writer.take(await begin(writer.answer));
    if (job.isUnwanted) await cancel(writer.answer.job);
    for await (const event of follow(writer.answer.job, writer.answer.lastEvent)) {
      job.isLost.value = event === null;
      if (event) writer.take(event);
    }
    await settle(writer);
  } catch (error) {
    writer.end("failed", explain(error));
  } finally {
    clearInterval(place);
    writer.close();
    await saved();
  }
}

/**
 * Ask, and return the first event, which names the job. The token makes a second try find the first one's job; the
 * rest of the answer is read from the job, whose events have ids.
 */
async function begin({ id, token }) {
  // What was asked is never lost: a reload finds question, answer and token.
  await saved();
  const { messages, ...rest } = conversationWith(id);
  const before = messages.slice(0, messages.findIndex((message) => message.id === id));
  const response = await send("/v1/messages", {
    method: "POST",
    body: requestOf(rest, before),
    headers: { "idempotency-key": token },
  });
  for await (const { data } of eventsOf(response)) {
    if (data.type === "error") throw new ApiError(500, data.error.type, data.error.message);
    if (data.type === "message_start") return { id: null, data };
  }
  throw new TypeError("The stream ended before it began.");
}

/** An error frame does not tell a cancel from a failure, but the job does. */
async function settle(writer) {
  const { status, job } = writer.answer;
  if (status === "done") return;
  const found = await json(`/v1/jobs/${job}`);
  if (found.status === "canceled") writer.end("stopped");
  else if (found.status !== "succeeded") writer.end("failed", found.error?.message ?? writer.answer.error);
  else writer.end("done");
}

async function lookForPlace(job) {
  const { job: id, blocks } = job.answer.value;
  if (!id || blocks.length > 0) {
    job.place.value = null;
    return;
  }
  const found = await json(`/v1/jobs/${id}`).catch(() => null);
  job.place.value = found?.position ?? null;
}

/** Shows an answer as it grows and keeps it, neither more often than makes sense. */
class Writer {
  constructor(job) {
    this.job = job;
    this.answer = job.answer.value;
    this.showing = this.keeping = null;
  }

  take(event) {
    this.answer = fold(this.answer, event);
    this.showing ??= setTimeout(() => this.show(), SHOW_MS);
    this.keeping ??= setTimeout(() => this.keep(), event.data.type === "message_start" ? 0 : KEEP_MS);
  }

  end(status, error = null) {
    this.answer = ended(this.answer, status, error);
  }

  show() {
    this.showing = null;
    this.job.answer.value = this.answer;
  }

  keep() {
    this.keeping = null;
    putMessage(this.answer);
  }

  close() {
    clearTimeout(this.showing);
    clearTimeout(this.keeping);
    this.show();
    this.keep();
  }
}
