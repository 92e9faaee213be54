"""CudaChunkAttention: MLX's attention in few shapes (workers.mlx_engine.few_shapes), all of which can be made ready."""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.chunk_attention import ChunkRows
from workers.mlx_engine.few_shapes import attend, bias_of, columns, filled_up, lengths, up_to

_MOST_PACKED = 256
"""Whole prompts up to so many tokens attend together; longer ones keep the device busy by themselves."""
_PACKS = (1, 4, 16, 64)
"""So many whole prompts attend in one call: fewer are filled up to that number too."""


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
            for length in up_to(most_tokens, lengths()):
                for width in up_to(longest, columns()):
                    if width >= length:
                        self._try(heads, length, width)
                for count in _PACKS if length <= _MOST_PACKED else ():
                    self._try_packed(heads, length, count)
                yield f"attention of {length} tokens"

    def _alone(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunk: ChunkRows, scale: float
    ) -> mx.array:  # fmt: skip
        """Outputs (tokens, heads, width) of one chunk, whose cache gets its tokens."""
        chunk.make_room(keys, values)
        own, before = slice(chunk.start, chunk.stop), chunk.cache.offset
        new_keys, new_values = (rows[own].transpose(2, 1, 0, 3) for rows in (keys, values))
        held_keys, held_values = chunk.cache.update_and_fetch(new_keys, new_values)
        bias = self._causal(before, chunk.stop - chunk.start, queries.dtype)
        return attend(queries[own], held_keys, held_values, bias, scale)

    def _causal(self, before: int, tokens: int, dtype: mx.Dtype) -> mx.array:
        """The bias for tokens behind `before` others."""
        key = (before, tokens, dtype)
        if self._bias is None or self._bias[0] != key:
            places = before + mx.arange(tokens)
            self._bias = key, bias_of(mx.arange(before + tokens) <= places[:, None], dtype)
        return self._bias[1]

    def _try(self, heads: Heads, length: int, width: int) -> None:
        """Attend as a chunk does whose prompt is of so many tokens with it."""
        cache = KVCache()
        before = width - length
        if before:
            cache.keys = mx.zeros((1, heads.keys, before, heads.width), heads.dtype)
            cache.values = mx.zeros((1, heads.keys, before, heads.value_width), heads.dtype)
            cache.offset = before
        chunk = ChunkRows(cache, 0, length, width + 1)
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
        length = filled_up(tokens) if is_whole else 0
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
