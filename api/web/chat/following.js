// A job's stream, followed to its end through whatever happens to the connection.
import { ApiError, send } from "../core/client.js";
import { eventsOf } from "../core/sse.js";

const PATIENCE_MS = [250, 500, 1_000, 2_000, 5_000];

/**
 * Yields the events behind `lastEvent`, and null where the connection was lost and is being sought again. Returns once
 * the last one is out, or where the reader has them all. Raises ApiError where the server no longer knows the job.
 */
export async function* follow(job, lastEvent) {
  let failures = 0;
  while (true) {
    try {
      const response = await open(job, lastEvent);
      if (response.status === 204) return;
      for await (const event of eventsOf(response)) {
        // An error without an id is the server's own trouble with the stream: the job may go on, and so do we.
        if (event.data.type === "error" && event.id === null) break;
        failures = 0;
        lastEvent = event.id ?? lastEvent;
        yield event;
        if (event.data.type === "message_stop" || event.data.type === "error") return;
      }
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) throw error;
    }
    yield null;
    await pause(PATIENCE_MS[Math.min(failures, PATIENCE_MS.length - 1)]);
    failures += 1;
  }
}

function open(job, lastEvent) {
  const headers = lastEvent ? { "last-event-id": lastEvent } : {};
  return send(`/v1/jobs/${job}/events`, { headers });
}

const pause = (length_ms) => new Promise((resolve) => setTimeout(resolve, length_ms));
