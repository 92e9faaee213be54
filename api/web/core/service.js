// What is known of the service: its models and whether it is ready.
import { signal } from "../vendor/preact.js";
import { json } from "./client.js";
import { currentKey } from "./key.js";

const EVERY_MS = 10_000;

export const models = signal([]);
export const health = signal({ state: "unknown", missing: [] });
/** `state` is unknown, ready, "not ready" or away. */

export async function lookAtService() {
  try {
    models.value = (await json("/v1/models")).data;
  } catch {
    // The dot in the corner says so.
  }
  await check();
  setInterval(check, EVERY_MS);
}

async function check() {
  if (document.hidden) return;
  try {
    health.value = await readiness();
    if (models.value.length === 0) models.value = (await json("/v1/models")).data;
  } catch {
    health.value = { state: "away", missing: [] };
  }
}

async function readiness() {
  const key = currentKey();
  // Not through the client: 503 is an answer here, which says what is missing.
  const response = await fetch("/health/ready", { headers: key ? { "x-api-key": key } : {} });
  const said = await response.json();
  return { state: said.status ?? "unknown", missing: said.missing ?? [] };
}

export const modelNamed = (name) => models.value.find(({ id }) => id === name) ?? models.value[0];
