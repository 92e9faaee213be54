"""CpuChunkAttention: NumPy over MLX's own buffers, block by block, so that a block's scores stay in the core's cache.

MLX's exp takes 25 ns a number on a Linux CPU and NumPy's less than one, which is nearly all that MLX's attention takes:
at 3000 tokens of context this is seven times as fast.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from functools import partial
from typing import Self

import mlx.core as mx
import numpy as np

from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, gemm

_BLOCK = 1 << 19
"""Scores that a thread holds at a time: two megabytes, what a core's second cache has."""
_WORTH_SHARING = 1 << 16
"""Scores of a chunk; fewer are computed sooner than another thread wakes."""
_WORTH_PARTING = 1 << 13
"""A head's scores: with so many, each thread attends to some of the columns. Where each has some of the tokens, all
threads read all keys and values."""
_FEWEST_COLUMNS = 512
"""Of such a part."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """What tokens come to over some of the columns: (tokens, heads, heads that share theirs, width) of outputs, with
    each token's weights not divided by their total yet; and 1 instead of the width, of totals and of the scores' peaks,
    to which the weights are relative."""

    out: Floats
    total: Floats
    peak: Floats

    @classmethod
    def empty(cls, *shape: int) -> Self:
        """(parts of the columns, tokens, heads, heads that share theirs, width)."""
        return cls(*(np.empty((*shape[:-1], width), np.float32) for width in (shape[-1], 1, 1)))

    def part(self, *where: int | slice) -> Self:
        return type(self)(self.out[where], self.total[where], self.peak[where])

    def merged(self, out: Floats) -> None:
        """Over all parts of the columns."""
        weights = np.exp(self.peak - self.peak.max(axis=0))
        np.divide((self.out * weights).sum(axis=0), (self.total * weights).sum(axis=0), out=out)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some tokens' queries (heads, heads that share theirs, tokens, width), and what they attend to."""

    queries: Floats
    keys: Floats
    values: Floats
    """Keys and values (heads, columns, width)."""
    has_own: bool
    """The last columns are the tokens' own."""
    sums: _Sums

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
        if self.has_own:
            later = np.triu(np.full((count, count), -np.inf, np.float32), 1)
            scores.reshape(heads, group, count, seen)[..., seen - count :] += later
        peak = scores.max(axis=-1, keepdims=True)
        scores -= peak
        np.exp(scores, out=scores)
        weighted = np.empty((heads, group * count, self.values.shape[2]), np.float32)
        for head, block in enumerate(scores):
            gemm(block, self.values[head], weighted[head])
        sums = self.sums
        for put, got in ((sums.out, weighted), (sums.total, scores.sum(axis=-1, keepdims=True)), (sums.peak, peak)):
            put[:] = got.reshape(heads, group, count, -1).transpose(2, 0, 1, 3)


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
        unmerged: list[tuple[_Sums, Floats]] = []
        for chunk in chunks:
            own = slice(chunk.start, chunk.stop)
            held_keys = _stored(chunk.cache.keys, new_keys[own], chunk.cache.offset)
            held_values = _stored(chunk.cache.values, new_values[own], chunk.cache.offset)
            chunk.cache.offset += chunk.stop - chunk.start
            cut, sums = self._cut(asked[own] * np.float32(scale), held_keys, held_values)
            blocks += cut
            unmerged.append((sums, out[chunk.start - first : chunk.stop - first]))
        self._run(blocks)
        for sums, into in unmerged:
            sums.merged(into.reshape(sums.out.shape[1:]))
        return mx.array(out)[:, :, None]

    def _cut(self, queries: Floats, keys: Floats, values: Floats) -> tuple[list[_Block], _Sums]:
        """Of queries (tokens, heads, width), keys and values (KV heads, columns, width); the tokens are those of the
        last columns."""
        tokens, heads, width = queries.shape
        kv_heads, columns, _ = keys.shape
        group = heads // kv_heads
        # Heads that share a KV head are one matrix's rows.
        shared = queries.reshape(tokens, kv_heads, group, width).transpose(1, 2, 0, 3)
        bounds = self._bounds(tokens, columns)
        sums = _Sums.empty(len(bounds), tokens, kv_heads, group, values.shape[2])
        # Parts of the columns are shared by the threads as they are.
        shares = len(self._scratch) if len(bounds) == 1 and heads * tokens * columns >= _WORTH_SHARING else 1
        blocks = []
        for part, (begin, end) in enumerate(bounds):
            for some, start, stop in _blocks(kv_heads, group, tokens, end - begin, shares):
                seen = columns - tokens + stop if end == columns else end
                held = keys[some, begin:seen], values[some, begin:seen]
                mine = sums.part(part, slice(start, stop), some)
                blocks.append(_Block(shared[some, :, start:stop], *held, end == columns, mine))
        return blocks, sums

    def _bounds(self, tokens: int, columns: int) -> list[tuple[int, int]]:
        """From where to where the columns of each part are; all that are the tokens' own are in the last one."""
        parts = min(len(self._scratch), (columns - tokens) // _FEWEST_COLUMNS)
        if parts < 2 or tokens * columns < _WORTH_PARTING:
            return [(0, columns)]
        size = min(-(-columns // parts), (columns - tokens) // (parts - 1))
        starts = [part * size for part in range(parts)]
        return list(zip(starts, [*starts[1:], columns], strict=True))

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
