"""What a NumpyPass knows of its sequences: where their new tokens belong, and what these attend to.

Tokens are written into buffers that MLX believes to be unchanging; nothing that MLX has still to compute reads these
columns. The arrays are views that must not outlive the pass: as long as there are any, MLX copies a buffer to write it.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Protocol, Self

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from workers.mlx_engine.buffers import buffer_with, empty_buffer
from workers.mlx_engine.gemm import Floats, view
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.numpy_attention import Rectangle, Tokens
from workers.mlx_engine.shared_pass import Chunk

FIRST_ROOM = 1024
"""Tokens that a prompt's caches have room for at first, beyond those that are restored."""
_GROWTH = 4
"""Then for so many times as many."""
_LONG = 1024
"""Columns. Longer rows attend one by one, each through all cores."""


class PassRows(Protocol):
    """Some rows of a pass, one token each."""

    places: NDArray[np.int64]
    """(rows,): their tokens' positions."""
    asked: Rows[int]
    """Those of the rows whose logits are wanted."""

    def store(self, layer: int, keys: Floats, values: Floats) -> None:
        """The new tokens', (rows, KV heads, width)."""

    def attending(self, layer: int, queries: Floats, out: Floats) -> Iterator[Tokens | Rectangle]:
        """From queries (rows, heads, width) to outputs. Where there are fewer queries, they are of the asked rows."""


@dataclass(slots=True)
class DecodingRows:
    """One rectangle of those that decode."""

    places: NDArray[np.int64]
    asked: Rows[int]
    held: list[tuple[Floats, Floats]]
    """Each layer's keys and values (rows, KV heads, columns, width), from the first column that somebody owns to that
    of the new tokens."""
    starts: list[int]
    """The first of these columns that each row owns."""
    hidden: Floats | None
    """As in Rectangle."""

    @classmethod
    def of(cls, rows: KVRows) -> Self:
        layout, count = rows.layout, rows.count
        for slots in rows.caches:
            slots.reserve(layout.end + 1)
        mx.eval([(slots.keys, slots.values) for slots in rows.caches])
        seen = slice(layout.spare, layout.end + 1)
        starts = [layout.end - layout.spare - length for length in layout.lengths]
        hidden = None
        if any(starts):
            owned = np.arange(seen.stop - seen.start) >= np.array(starts)[:, None, None, None]
            hidden = np.where(owned, 0, -np.inf).astype(np.float32)
        held = [(view(slots.keys)[:count, :, seen], view(slots.values)[:count, :, seen]) for slots in rows.caches]
        return cls(np.array(layout.lengths), range(count), held, starts, hidden)

    def store(self, layer: int, keys: Floats, values: Floats) -> None:
        for buffer_of, new in zip(self.held[layer], (keys, values), strict=True):
            buffer_of[:, :, -1] = new

    def attending(self, layer: int, queries: Floats, out: Floats) -> Iterator[Tokens | Rectangle]:
        keys, values = self.held[layer]
        if keys.shape[2] < _LONG:
            yield Rectangle(queries, keys, values, self.hidden, out)
            return
        for row, start in enumerate(self.starts):
            one = slice(row, row + 1)
            yield Tokens(queries[one], keys[row, :, start:], values[row, :, start:], out[one])


@dataclass(slots=True)
class ChunkTokens:
    """Of one chunk."""

    places: NDArray[np.int64]
    asked: Rows[int]
    held: list[tuple[Floats, Floats]]
    """Each layer's keys and values (KV heads, columns, width), up to the new tokens' last."""

    @classmethod
    def of(cls, chunk: Chunk, kv_heads: int, width: int) -> Self:
        count = len(chunk.tokens)
        end = chunk.done + count
        places = 2 * len(chunk.caches)
        for layer, cache in enumerate(chunk.caches):
            if cache.keys is None:
                room = max(count, min(chunk.length, FIRST_ROOM))
                cache.keys, cache.values = (empty_buffer(room, kv_heads, width, mx.float32) for _ in range(2))
            cache.keys = _with_room(cache.keys, end, chunk.length, (2 * layer + 1) / places)
            cache.values = _with_room(cache.values, end, chunk.length, (2 * layer + 2) / places)
        mx.eval([(cache.keys, cache.values) for cache in chunk.caches])
        held = [(view(cache.keys)[0, :, :end], view(cache.values)[0, :, :end]) for cache in chunk.caches]
        return cls(np.arange(chunk.done, end), [count - 1] if chunk.ends else [], held)

    def store(self, layer: int, keys: Floats, values: Floats) -> None:
        for buffer_of, new in zip(self.held[layer], (keys, values), strict=True):
            # From the left: raises where the buffer has no room.
            buffer_of[:, self.places[0] : self.places[-1] + 1] = new.swapaxes(0, 1)

    def attending(self, layer: int, queries: Floats, out: Floats) -> Iterator[Tokens | Rectangle]:
        if len(queries):
            yield Tokens(queries, *self.held[layer], out)


def _with_room(held: mx.array, end: int, length: int, place: float) -> mx.array:
    """For `end` tokens; or more, up to `length`, if it is time. Buffers, each at its own `place` from 0 to 1, grow one
    after another before they have to: room for all of them at once takes several passes' time."""
    columns = held.shape[2]
    if columns >= length or columns >= end + columns * place:
        return held
    return buffer_with([held], max(end, min(length, _GROWTH * columns)))
