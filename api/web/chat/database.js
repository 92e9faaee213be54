// The browser's database of conversations, shared by all tabs: what is changed in it is changed in one step.
import { createStore, del, entries } from "../vendor/idb-keyval.js";

const database = createStore("pensieve", "conversations");

/** Pairs of id and conversation. */
export const all = () => entries(database);

export const drop = (id) => del(id, database);

/** Resolves with the conversation, undefined where there is none. */
export const one = (id) => change(id, () => undefined);

/**
 * Give what is kept under the id to `decide`, and keep what that returns; undefined leaves all as it is. Resolves with
 * what is kept then. No other tab gets in between.
 */
export function change(id, decide) {
  return database("readwrite", (store) => new Promise((resolve, reject) => {
    let kept;
    const asked = store.get(id);
    asked.onsuccess = () => {
      const decided = decide(asked.result);
      kept = decided ?? asked.result;
      if (decided !== undefined) store.put(decided, id);
    };
    store.transaction.oncomplete = () => resolve(kept);
    store.transaction.onabort = store.transaction.onerror = () => reject(store.transaction.error);
  }));
}
