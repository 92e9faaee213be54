"""CudaChunkAttention: MLX's attention, of few shapes, since CUDA gets ready for each shape that it hasn't seen.

cuDNN plans every shape of queries and keys anew: 50 to 85 ms on an H100, where the attention itself of a prompt of 25
tokens takes 1 ms in 32 layers. So queries and keys are filled up to a few lengths, all of which can be run beforehand,
and a bias hides what they were filled up with.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.chunk_attention import ChunkRows

_SHORTEST = 16
_FEWEST_COLUMNS = 256
_MOST_PACKED = 256
"""Whole prompts up to so many tokens attend together; longer ones keep the device busy by themselves."""
_PACKS = (1, 4, 16, 64)
"""So many whole prompts attend in one call: fewer are filled up to that number too."""
_HIDDEN = -30_000.0
"""Added to a score, makes its weight zero. A number in every format, where infinity makes NaN of a hidden block."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What a model's layers attend with."""

    queries: int
    keys: int
    width: int
    value_width: int
    dtype: mx.Dtype
    scale: float


class CudaChunkAttention:
    """Whole short prompts of about one length attend in one call; every other chunk in one of its own."""

    def __init__(self) -> None:
        self._seen: set[Heads] = set()
        self._bias: tuple[tuple[object, ...], mx.array] | None = None
        """The last one made and what for: all layers of a pass use it."""

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        shape = (queries.shape[1], keys.shape[1], keys.shape[3], values.shape[3])
        self._seen.add(Heads(*shape, queries.dtype, scale))
        done: list[mx.array] = []
        places: list[int] = []
        for length, group in _groups(chunks):
            if length:
                done.append(_packed(queries, keys, values, group, length, scale))
            else:
                done += [self._alone(queries, keys, values, chunk, scale) for chunk in group]
            places += [row for chunk in group for row in range(chunk.start, chunk.stop)]
        out = mx.concatenate(done)
        order = np.argsort(np.array(places, np.int32), kind="stable")
        in_order = bool((order[1:] > order[:-1]).all())
        return (out if in_order else out[mx.array(order.astype(np.int32))])[:, :, None]

    def prepare(self, most_tokens: int, longest: int) -> Iterator[str]:
        """Attend once in each shape that prompts up to `longest` come to, in chunks of up to `most_tokens`.

        For the heads that it has attended with so far. Yields what is done.
        """
        for heads in list(self._seen):
            for length in _up_to(most_tokens, _doublings(_SHORTEST)):
                for columns in _up_to(longest, _columns()):
                    if columns >= length:
                        self._try(heads, length, columns)
                for count in _PACKS if length <= _MOST_PACKED else ():
                    self._try_packed(heads, length, count)
                yield f"attention of {length} tokens"

    def _alone(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunk: ChunkRows, scale: float
    ) -> mx.array:  # fmt: skip
        """Outputs (tokens, heads, width) of one chunk, whose cache gets its tokens."""
        chunk.make_room(keys, values)
        tokens, before = chunk.stop - chunk.start, chunk.cache.offset
        own = slice(chunk.start, chunk.stop)
        held = chunk.cache.update_and_fetch(*(rows[own].transpose(2, 1, 0, 3) for rows in (keys, values)))
        length = _filled_up(tokens)
        columns = next(size for size in _columns() if size >= max(length, before + tokens))
        # Filled up with its own last token, whose output is taken once.
        rows = mx.array(np.minimum(np.arange(chunk.start, chunk.start + length), chunk.stop - 1).astype(np.int32))
        asked = queries[rows].transpose(2, 1, 0, 3)
        held_keys, held_values = (_with_columns(array, columns) for array in held)
        bias = self._hiding(before, tokens, length, columns, queries.dtype)
        out = mx.fast.scaled_dot_product_attention(asked, held_keys, held_values, scale=scale, mask=bias)
        return out[0, :, :tokens].swapaxes(0, 1)

    def _hiding(self, before: int, tokens: int, length: int, columns: int, dtype: mx.Dtype) -> mx.array:
        """(1, 1, length, columns), for tokens behind `before` others: hides what comes after each of them."""
        key = (before, tokens, length, columns, dtype)
        if self._bias is None or self._bias[0] != key:
            last_seen = before + mx.minimum(mx.arange(length), tokens - 1)
            bias = mx.where(mx.arange(columns) <= last_seen[:, None], 0.0, _HIDDEN).astype(dtype)
            self._bias = key, bias[None, None]
        return self._bias[1]

    def _try(self, heads: Heads, length: int, columns: int) -> None:
        """Attend as a chunk does whose prompt is of so many tokens with it."""
        cache = KVCache()
        before = columns - length
        if before:
            cache.keys = mx.zeros((1, heads.keys, before, heads.width), heads.dtype)
            cache.values = mx.zeros((1, heads.keys, before, heads.value_width), heads.dtype)
            cache.offset = before
        chunk = ChunkRows(cache, 0, length, columns + 1)
        mx.eval(self._alone(*_rows(heads, length), chunk, heads.scale))

    def _try_packed(self, heads: Heads, length: int, count: int) -> None:
        chunks = [ChunkRows(KVCache(), start, start + length, length) for start in range(0, count * length, length)]
        mx.eval(_packed(*_rows(heads, count * length), chunks, length, heads.scale))


def _rows(heads: Heads, count: int) -> tuple[mx.array, mx.array, mx.array]:
    """Queries, keys and values of so many tokens."""
    queries = mx.zeros((count, heads.queries, 1, heads.width), heads.dtype)
    keys, values = (mx.zeros((count, heads.keys, 1, width), heads.dtype) for width in (heads.width, heads.value_width))
    return queries, keys, values


def _groups(chunks: Rows[ChunkRows]) -> list[tuple[int, list[ChunkRows]]]:
    """Short whole prompts, with the length that they are filled up to; and all other chunks, with 0."""
    groups: dict[int, list[ChunkRows]] = {}
    for chunk in chunks:
        tokens = chunk.stop - chunk.start
        is_whole = chunk.cache.offset == 0 and tokens == chunk.capacity
        length = _filled_up(tokens) if is_whole else 0
        groups.setdefault(length if length <= _MOST_PACKED else 0, []).append(chunk)
    return [
        (length, some)
        for length, group in groups.items()
        for some in ([group] if length == 0 else _at_most(_PACKS[-1], group))
    ]


def _at_most(count: int, group: list[ChunkRows]) -> Iterator[list[ChunkRows]]:
    for start in range(0, len(group), count):
        yield group[start : start + count]


def _packed(
    queries: mx.array, keys: mx.array, values: mx.array, chunks: list[ChunkRows], length: int, scale: float
) -> mx.array:
    """Outputs (tokens, heads, width) of whole prompts; their caches become slices of one array."""
    counts = np.array([chunk.stop - chunk.start for chunk in chunks])
    starts = np.array([chunk.start for chunk in chunks])
    # A prompt is filled up with its own first token, lest a NaN of another be multiplied with a weight of zero. What
    # is behind a prompt's end, no token of it looks at: nothing has to be hidden.
    is_filler = np.arange(length) >= counts[:, None]
    rows = np.where(is_filler, starts[:, None], starts[:, None] + np.arange(length))
    size = next(size for size in _PACKS if size >= len(chunks))
    filled_up = mx.array(np.concatenate([rows, np.tile(rows[:1], (size - len(chunks), 1))]).astype(np.int32))
    asked, held_keys, held_values = (
        array[:, :, 0][filled_up].transpose(0, 2, 1, 3) for array in (queries, keys, values)
    )
    # So that each prompt's own are in one piece, as those who move rows want them.
    held_keys, held_values = mx.contiguous(held_keys), mx.contiguous(held_values)
    out = mx.fast.scaled_dot_product_attention(asked, held_keys, held_values, scale=scale, mask="causal")
    for number, chunk in enumerate(chunks):
        cache = chunk.cache
        cache.keys, cache.values = held_keys[number : number + 1], held_values[number : number + 1]
        cache.offset = chunk.stop - chunk.start
    own = mx.array(np.flatnonzero(~is_filler).astype(np.int32))
    return out.transpose(0, 2, 1, 3).flatten(0, 1)[own]


def _with_columns(held: mx.array, columns: int) -> mx.array:
    """Keys or values (1, KV heads, tokens, width), copied and filled up with zeros: their strides are a shape's too."""
    missing = columns - held.shape[2]
    return mx.pad(held, [(0, 0), (0, 0), (0, missing), (0, 0)]) if missing else mx.contiguous(held)


def _filled_up(tokens: int) -> int:
    return max(_SHORTEST, 1 << (tokens - 1).bit_length())


def _doublings(least: int) -> Iterator[int]:
    while True:
        yield least
        least *= 2


def _columns() -> Iterator[int]:
    """What keys are filled up to: the powers of two, and one size between each two."""
    for size in _doublings(_FEWEST_COLUMNS):
        yield size
        yield size + size // 2


def _up_to(most: int, sizes: Iterator[int]) -> Iterator[int]:
    """The sizes up to the first one that holds so many."""
    for size in sizes:
        yield size
        if size >= most:
            return
