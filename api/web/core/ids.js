// Ids of the page's own; crypto.randomUUID is missing where the page did not come over https or loopback.
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
