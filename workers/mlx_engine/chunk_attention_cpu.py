"""CpuChunkAttention: NumPy over MLX's own buffers, block by block, so that a block's scores stay in the core's cache.

MLX's exp takes 25 ns a number on a Linux CPU and NumPy's less than one, which is nearly all that MLX's attention takes:
at 3000 tokens of context this is seven times as fast.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows

import mlx.core as mx
import numpy as np

from workers.mlx_engine.chunk_attention import ChunkRows
from workers.mlx_engine.gemm import Floats, gemm

_BLOCK = 1 << 19
"""Scores that are held at a time: two megabytes, what a core's second cache has."""


class CpuChunkAttention:
    """For float32. Computes at once what it is given, and so makes the pass wait for each of its layers.

    Tokens are written into buffers that MLX believes to be unchanging; nothing that MLX has still to compute reads
    them, since a prompt's cache is handed on only when its last chunk is done.
    """

    def __init__(self) -> None:
        self._scores = np.empty(_BLOCK, np.float32)

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        if queries.dtype != mx.float32 or keys.dtype != mx.float32:
            raise ValueError(f"no attention on the CPU for {queries.dtype} and {keys.dtype}")
        for chunk in chunks:
            chunk.make_room(keys, values)
        mx.eval(queries, keys, values, [(chunk.cache.keys, chunk.cache.values) for chunk in chunks])
        first = chunks[0].start
        out = np.empty((queries.shape[0] - first, queries.shape[1], values.shape[3]), np.float32)
        asked, new_keys, new_values = (_view(rows)[:, :, 0] for rows in (queries, keys, values))
        for chunk in chunks:
            own = slice(chunk.start, chunk.stop)
            held_keys = _stored(chunk.cache.keys, new_keys[own], chunk.cache.offset)
            held_values = _stored(chunk.cache.values, new_values[own], chunk.cache.offset)
            chunk.cache.offset += chunk.stop - chunk.start
            self._attend(asked[own] * np.float32(scale), held_keys, held_values, out[chunk.start - first :])
        return mx.array(out)[:, :, None]

    def _attend(self, queries: Floats, keys: Floats, values: Floats, out: Floats) -> None:
        """From queries (tokens, heads, width), keys and values (KV heads, columns, width) to the first rows of `out`.

        The tokens are those of the last columns.
        """
        tokens, heads, width = queries.shape
        kv_heads, columns, _ = keys.shape
        before = columns - tokens
        # Heads that share a KV head are one matrix's rows.
        shared = queries.reshape(tokens, kv_heads, heads // kv_heads, width).transpose(1, 2, 0, 3)
        for some, start, stop in _blocks(kv_heads, heads // kv_heads, tokens, columns):
            asked = shared[some, :, start:stop]
            heads_here, group, count, _ = asked.shape
            seen = before + stop
            scores = self._scratch(heads_here, group * count, seen)
            rows = asked.reshape(heads_here, group * count, width)
            for head, block in enumerate(scores):
                gemm(rows[head], keys[some][head, :seen], block, transposed=True)
            later = np.triu(np.full((count, count), -np.inf, np.float32), 1)
            scores.reshape(heads_here, group, count, seen)[..., before + start :] += later
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            total = scores.sum(axis=-1, keepdims=True)
            weighted = np.empty((*scores.shape[:2], values.shape[2]), np.float32)
            for head, block in enumerate(scores):
                gemm(block, values[some][head, :seen], weighted[head])
            weighted /= total
            place = weighted.reshape(heads_here, group, count, -1).transpose(2, 0, 1, 3)
            into = out[start:stop].reshape(count, kv_heads, group, -1)
            into[:, some] = place

    def _scratch(self, *shape: int) -> Floats:
        size = int(np.prod(shape))
        if size > self._scores.size:
            # A context so long that one token's scores don't fit.
            self._scores = np.empty(size, np.float32)
        scratch: Floats = self._scores[:size].reshape(shape)
        return scratch


def _blocks(kv_heads: int, group: int, tokens: int, columns: int) -> Iterator[tuple[slice, int, int]]:
    """KV heads and tokens (from, to) to attend at once: all heads where all fits, else one by one."""
    together = kv_heads if kv_heads * group * tokens * columns <= _BLOCK else 1
    count = max(1, min(tokens, _BLOCK // (together * group * columns)))
    for head in range(0, kv_heads, together):
        for start in range(0, tokens, count):
            yield slice(head, head + together), start, min(start + count, tokens)


def _stored(buffer: mx.array, rows: Floats, offset: int) -> Floats:
    """Write rows (tokens, KV heads, width) behind the others in (1, KV heads, columns, width); a view of all so far."""
    held: Floats = _view(buffer)[0]
    end = offset + rows.shape[0]
    held[:, offset:end] = rows.swapaxes(0, 1)
    seen: Floats = held[:, :end]
    return seen


def _view(array: mx.array) -> Floats:
    return np.array(array, copy=False)
