// A list that is looked at again and again while it is shown, and read on page by page.
import { useCallback, useEffect, useState } from "../vendor/preact.js";
import { explain, json } from "../core/client.js";

const EVERY_MS = 3_000;
const PAGE = 50;

/** `{ items, hasMore, problem, isLoading, more(), refresh() }` of a list route; null as its path lists nothing. */
export function useListing(path) {
  const [pages, setPages] = useState(1);
  const [found, setFound] = useState({ items: [], hasMore: false, isLoading: true, problem: "" });
  const refresh = useCallback(async () => {
    try {
      const { items, hasMore } = await readPages(path, pages);
      setFound({ items, hasMore, isLoading: false, problem: "" });
    } catch (error) {
      setFound((before) => ({ ...before, isLoading: false, problem: explain(error) }));
    }
  }, [path, pages]);
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => !document.hidden && refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }, [refresh]);
  return { ...found, refresh, more: () => setPages((before) => before + 1) };
}

async function readPages(path, pages) {
  const url = new URL(path, location.origin);
  url.searchParams.set("limit", Math.min(1_000, PAGE * pages));
  const { data, has_more } = await json(url.pathname + url.search);
  return { items: data, hasMore: has_more };
}

/** The same for one object, looked at until `isOver` says so of it. */
export function useObject(path, isOver) {
  const [found, setFound] = useState({ item: null, problem: "" });
  const refresh = useCallback(async () => {
    try {
      const item = await json(path);
      setFound({ item, problem: "" });
    } catch (error) {
      setFound((before) => ({ ...before, problem: explain(error) }));
    }
  }, [path]);
  const over = found.item !== null && isOver(found.item);
  useEffect(() => void refresh(), [refresh]);
  useEffect(() => {
    if (over) return undefined;
    const timer = setInterval(() => !document.hidden && refresh(), 1_000);
    return () => clearInterval(timer);
  }, [refresh, over]);
  return { ...found, refresh };
}
