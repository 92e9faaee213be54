// All workers taken together. Pure.

const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);

export function totalsOf(picture) {
  const { workers, waiting, rows } = picture;
  const running = rows.length;
  return {
    decode_tokens_per_s: sum(workers, (worker) => worker.decode_tokens_per_s),
    prefill_tokens_per_s: sum(workers, (worker) => worker.prefill_tokens_per_s),
    running,
    slots: sum(workers, (worker) => worker.slots),
    waiting: sum(Object.values(waiting), Number),
    first_token_s: picture.first_token_s,
    kv_bytes: sum(workers, (worker) => worker.kv_bytes),
    kv_limit_bytes: sum(workers, (worker) => worker.kv_limit_bytes),
    cache_bytes: sum(workers, (worker) => worker.cache_bytes),
    cache_limit_bytes: sum(workers, (worker) => worker.cache_limit_bytes),
    cache_hits: sum(workers, (worker) => worker.cache_hits),
    prompts: sum(workers, (worker) => worker.cache_hits + worker.cache_misses),
    cache_read_tokens: sum(workers, (worker) => worker.cache_read_tokens),
    memory_bytes: sum(workers, (worker) => worker.device_bytes || worker.weights_bytes + worker.kv_bytes + worker.cache_bytes),
  };
}
