// Small values that outlive the page; without storage (private windows) they last as long as the page does.
const kept = new Map();

export function read(key, fallback) {
  try {
    const text = localStorage.getItem(`pensieve.${key}`);
    return text === null ? (kept.get(key) ?? fallback) : JSON.parse(text);
  } catch {
    return kept.get(key) ?? fallback;
  }
}

export function write(key, value) {
  kept.set(key, value);
  try {
    localStorage.setItem(`pensieve.${key}`, JSON.stringify(value));
  } catch {
    // Kept in memory then.
  }
}
