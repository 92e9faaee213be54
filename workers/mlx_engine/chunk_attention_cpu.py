"""CpuChunkAttention: NumPy over MLX's own buffers, block by block, so that a block's scores stay in the core's cache.

MLX's exp takes 25 ns a number on a Linux CPU and NumPy's less than one, which is nearly all that MLX's attention takes:
at 3000 tokens of context this is seven times as fast.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from functools import partial

import mlx.core as mx
import numpy as np

from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, gemm

_BLOCK = 1 << 19
"""Scores that a thread holds at a time: two megabytes, what a core's second cache has."""
_WORTH_SHARING = 1 << 16
"""Scores of a chunk; fewer are computed sooner than another thread wakes."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Some tokens' queries (heads, heads that share theirs, tokens, width), and what they attend to."""

    queries: Floats
    keys: Floats
    values: Floats
    """Keys and values (heads, columns, width); the tokens are those of the last columns."""
    out: Floats
    """(tokens, heads, heads that share theirs, width)"""

    def attend(self, scratch: Floats) -> None:
        heads, group, count, width = self.queries.shape
        seen = self.keys.shape[1]
        size = heads * group * count * seen
        # A context may be so long that one token's scores don't fit.
        held = scratch[:size] if size <= scratch.size else np.empty(size, np.float32)
        scores = held.reshape(heads, group * count, seen)
        rows = self.queries.reshape(heads, group * count, width)
        for head, block in enumerate(scores):
            gemm(rows[head], self.keys[head], block, transposed=True)
        later = np.triu(np.full((count, count), -np.inf, np.float32), 1)
        scores.reshape(heads, group, count, seen)[..., seen - count :] += later
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        weighted = np.empty((heads, group * count, self.values.shape[2]), np.float32)
        for head, block in enumerate(scores):
            gemm(block, self.values[head], weighted[head])
        weighted /= total
        self.out[:] = weighted.reshape(heads, group, count, -1).transpose(2, 0, 1, 3)


class CpuChunkAttention(ChunkAttention):
    """For float32. Computes at once what it is given, and so makes the pass wait for each of its layers.

    Tokens are written into buffers that MLX believes to be unchanging; nothing that MLX has still to compute reads
    them, since a prompt's cache is handed on only when its last chunk is done.
    """

    def __init__(self, cores: Cores | None = None) -> None:
        self.cores = cores or Cores()
        self._scratch = [np.empty(_BLOCK, np.float32) for _ in range(self.cores.count)]

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
        blocks: list[_Block] = []
        for chunk in chunks:
            own = slice(chunk.start, chunk.stop)
            held_keys = _stored(chunk.cache.keys, new_keys[own], chunk.cache.offset)
            held_values = _stored(chunk.cache.values, new_values[own], chunk.cache.offset)
            chunk.cache.offset += chunk.stop - chunk.start
            into = out[chunk.start - first : chunk.stop - first]
            blocks += self._cut(asked[own] * np.float32(scale), held_keys, held_values, into)
        self._run(blocks)
        return mx.array(out)[:, :, None]

    def _cut(self, queries: Floats, keys: Floats, values: Floats, out: Floats) -> Iterator[_Block]:
        """Of queries and outputs (tokens, heads, width), keys and values (KV heads, columns, width)."""
        tokens, heads, width = queries.shape
        kv_heads, columns, _ = keys.shape
        group = heads // kv_heads
        # Heads that share a KV head are one matrix's rows.
        shared = queries.reshape(tokens, kv_heads, group, width).transpose(1, 2, 0, 3)
        places = out.reshape(tokens, kv_heads, group, -1)
        parts = len(self._scratch) if heads * tokens * columns >= _WORTH_SHARING else 1
        for some, start, stop in _blocks(kv_heads, group, tokens, columns, parts):
            seen = columns - tokens + stop
            yield _Block(shared[some, :, start:stop], keys[some, :seen], values[some, :seen], places[start:stop, some])

    def _run(self, blocks: list[_Block]) -> None:
        count = min(len(self._scratch), len(blocks))
        self.cores.run([partial(_attend_all, blocks[share::count], self._scratch[share]) for share in range(count)])


def _attend_all(blocks: list[_Block], scratch: Floats) -> None:
    for block in blocks:
        block.attend(scratch)


def _blocks(kv_heads: int, group: int, tokens: int, columns: int, parts: int) -> Iterator[tuple[slice, int, int]]:
    """KV heads and tokens (from, to) to attend at once, in so many parts at least: all heads where they fit, else one
    by one."""
    most = -(-tokens // parts)
    together = kv_heads if kv_heads * group * most * columns <= _BLOCK else 1
    count = max(1, min(most, _BLOCK // (together * group * columns)))
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
