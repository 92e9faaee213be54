// Answers that are being written: each is asked for once, followed by its job, and taken up again after a reload.
import { signal } from "../vendor/preact.js";
import { ApiError, explain, json, post, send } from "../core/client.js";
import { newId } from "../core/ids.js";
import { eventsOf } from "../core/sse.js";
import { ended, fold, newAnswer } from "./answer.js";
import { follow } from "./following.js";
import { requestOf } from "./request.js";
import { conversation, listed, putMessage, update } from "./store.js";

const SHOW_MS = 40;
const KEEP_MS = 400;
const PLACE_MS = 1_000;

/** Running answers by id: `{ answer, place, isLost }` are signals; the conversation has a copy that is a little older. */
export const running = signal(new Map());

/** Add an answer to the conversation's end, and have it written. */
export function answer(conversationId) {
  const fresh = newAnswer(newId(), newId());
  update(conversationId, (before) => ({ ...before, updatedAt: Date.now(), messages: [...before.messages, fresh] }));
  void run(conversationId, fresh);
}

/** After a reload: go on with every answer that had not ended. */
export function resumeAll() {
  for (const { id, messages } of listed.value) {
    for (const message of messages) {
      if (message.status === "running") void run(id, { ...message, resumed: true });
    }
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

async function run(conversationId, from) {
  const job = { answer: signal(from), place: signal(null), isLost: signal(false), isUnwanted: false };
  running.value = new Map(running.value).set(from.id, job);
  const writer = new Writer(conversationId, job);
  const place = setInterval(() => lookForPlace(job), PLACE_MS);
  try {
    if (!from.job) writer.take(await begin(conversationId, from));
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
    const others = new Map(running.value);
    others.delete(from.id);
    running.value = others;
  }
}

/**
 * Ask, and return the first event, which names the job. The token makes a second try find the first one's job; the
 * rest of the answer is read from the job, whose events have ids.
 */
async function begin(conversationId, { id, token }) {
  const { messages, ...rest } = conversation(conversationId);
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
  constructor(conversationId, job) {
    this.conversationId = conversationId;
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
    putMessage(this.conversationId, this.answer);
  }

  close() {
    clearTimeout(this.showing);
    clearTimeout(this.keeping);
    this.show();
    this.keep();
  }
}
