"""KVShape: how many bytes of KV cache a sequence of a given length takes, asked of the model itself."""

from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import RotatingKVCache, make_prompt_cache


@dataclass(frozen=True, slots=True)
class KVShape:
    """Bytes a token, summed over the layers that keep every token; windows are (bytes a token, most tokens kept);
    `fixed_bytes` is what a sequence takes whatever its length (recurrent states)."""

    bytes_per_token: int
    windows: tuple[tuple[int, int], ...] = ()
    fixed_bytes: int = 0

    def bytes_for(self, tokens: int) -> int:
        windowed = sum(size * min(tokens, kept) for size, kept in self.windows)
        return self.bytes_per_token * tokens + windowed + self.fixed_bytes


def kv_shape(model: nn.Module) -> KVShape:
    """Run one token through the model, which also warms it up, and look at what its caches became."""
    caches = make_prompt_cache(model)
    mx.eval(model(mx.array([[0]], mx.uint32), cache=caches))
    per_token, fixed = 0, 0
    windows: dict[int, int] = {}
    for cache in caches:
        size = _token_bytes(cache)
        if size is None:
            fixed += cache.nbytes
        elif isinstance(cache, RotatingKVCache):
            windows[cache.max_size] = windows.get(cache.max_size, 0) + size
        else:
            per_token += size
    return KVShape(per_token, tuple((size, kept) for kept, size in sorted(windows.items())), fixed)


def _token_bytes(cache: Any) -> int | None:
    keys, values = getattr(cache, "keys", None), getattr(cache, "values", None)
    if not isinstance(keys, mx.array) or not isinstance(values, mx.array):
        return None
    return sum(array.shape[1] * array.shape[3] * array.itemsize for array in (keys, values))
