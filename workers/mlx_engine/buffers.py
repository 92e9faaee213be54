"""Keys' or values' buffers of a sequence alone: (1, KV heads, columns, width), with room for tokens to come."""

from collections.abc import Sequence

import mlx.core as mx
from mlx_lm.models.cache import KVCache


def empty_buffer(tokens: int, heads: int, width: int, dtype: mx.Dtype) -> mx.array:
    """For so many tokens at least."""
    return mx.zeros((1, heads, -(-tokens // KVCache.step) * KVCache.step, width), dtype)


def buffer_with(arrays: Sequence[mx.array], tokens: int) -> mx.array:
    """A new one, with these at its beginning, one behind the other."""
    _, heads, _, width = arrays[0].shape
    made, end = empty_buffer(tokens, heads, width, arrays[0].dtype), 0
    for array in arrays:
        start, end = end, end + array.shape[2]
        made[:, :, start:end] = array
    return made
