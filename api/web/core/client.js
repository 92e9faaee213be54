// Requests to the API: the key goes along, and what goes wrong is an ApiError that says what the server said.
import { askForKey, currentKey } from "./key.js";

export class ApiError extends Error {
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

/** The response, whatever it holds; raises ApiError for any that is not good, TypeError where nobody answers. */
export async function send(path, { method = "GET", body, headers = {}, signal } = {}) {
  const options = { method, signal, headers: { ...headers, "anthropic-version": "2023-06-01" } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  while (true) {
    const key = currentKey();
    if (key) options.headers["x-api-key"] = key;
    const response = await fetch(path, options);
    if (response.ok) return response;
    const error = await errorOf(response);
    if (response.status !== 401 || !(await askForKey(key))) throw error;
  }
}

export async function json(path, options) {
  return (await send(path, options)).json();
}

export const post = (path, body) => json(path, { method: "POST", body });

async function errorOf(response) {
  const said = await response.json().catch(() => ({}));
  const message = said.error?.message ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, said.error?.type ?? "unknown", message);
}

/** One sentence for people. */
export function explain(error) {
  if (error instanceof ApiError) return error.message;
  if (error instanceof TypeError) return "The server can't be reached.";
  return String(error?.message ?? error);
}
