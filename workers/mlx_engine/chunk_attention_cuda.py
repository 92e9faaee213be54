"""CudaChunkAttention: MLX's attention in few shapes (workers.mlx_engine.few_shapes), all of which can be made ready."""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.few_shapes import attend, bias_of, columns, filled_up, filled_up_rows, lengths, up_to

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


@dataclass(frozen=True, slots=True)
class Pack:
    """Whole prompts that attend in one call: the rows of the pass that it takes, (prompts, tokens), both filled up; and
    which of its outputs are tokens of theirs."""

    rows: mx.array
    own: mx.array

    @classmethod
    def of(cls, chunks: Rows[ChunkRows], length: int) -> Self:
        """Filled up to `length` tokens each."""
        counts = np.array([chunk.stop - chunk.start for chunk in chunks])
        starts = np.array([chunk.start for chunk in chunks])
        # A prompt is filled up with its own first token, lest a NaN of another be multiplied with a weight of zero.
        # What is behind a prompt's end, no token of it looks at: nothing has to be hidden.
        is_filler = np.arange(length) >= counts[:, None]
        places = np.where(is_filler, starts[:, None], starts[:, None] + np.arange(length))
        size = next(size for size in _PACKS if size >= len(chunks))
        rows = np.concatenate([places, np.tile(places[:1], (size - len(chunks), 1))])
        return cls(mx.array(rows.astype(np.int32)), mx.array(np.flatnonzero(~is_filler).astype(np.int32)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What all layers of a pass have in common: who attends with whom, as numbers of chunks; None for no pack."""

    groups: list[tuple[Pack | None, list[int]]]
    order: mx.array | None
    """Of the groups' outputs, to lie as the pass's rows do; None where they do."""
    biases: dict[tuple[int, int], mx.array] = field(default_factory=dict)
    """By how many tokens came before a chunk, and how many are in it."""

    @classmethod
    def of(cls, chunks: Rows[ChunkRows]) -> Self:
        groups = [
            (Pack.of([chunks[number] for number in numbers], length) if length else None, numbers)
            for length, numbers in _groups(chunks)
        ]
        return cls(groups, _order([chunks[number] for _, numbers in groups for number in numbers]))


class CudaChunkAttention(ChunkAttention):
    """Whole short prompts of about one length attend in one call; every other chunk in one of its own."""

    def __init__(self) -> None:
        self._seen: set[Heads] = set()
        self._pass: tuple[object, ...] = ()
        """What the plan is for: all layers of a pass have the same."""
        self._plan = Plan([], None)

    @property
    def whole_tokens(self) -> int:
        return _MOST_PACKED

    def filled_up(self, rows: int) -> int:
        return filled_up_rows(rows)

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        shape = (queries.shape[1], keys.shape[1], keys.shape[3], values.shape[3])
        self._seen.add(Heads(*shape, queries.dtype, scale))
        of_pass = (queries.dtype, *((chunk.start, chunk.capacity, *_extent(chunk)) for chunk in chunks))
        if of_pass != self._pass:
            self._pass, self._plan = of_pass, Plan.of(chunks)
        done: list[mx.array] = []
        for pack, numbers in self._plan.groups:
            group = [chunks[number] for number in numbers]
            if pack is not None:
                done.append(_packed(queries, keys, values, group, pack, scale))
            else:
                done += [self._alone(queries, keys, values, chunk, scale) for chunk in group]
        out = done[0] if len(done) == 1 else mx.concatenate(done)
        return (out if self._plan.order is None else out[self._plan.order])[:, :, None]

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
        bias = self._causal(*_extent(chunk), queries.dtype)
        own = slice(chunk.start, chunk.stop)
        new_keys, new_values = (rows[own].transpose(2, 1, 0, 3) for rows in (keys, values))
        held_keys, held_values = chunk.cache.update_and_fetch(new_keys, new_values)
        return attend(queries[own], held_keys, held_values, bias, scale)

    def _causal(self, before: int, tokens: int, dtype: mx.Dtype) -> mx.array:
        """The bias for tokens behind `before` others."""
        bias = self._plan.biases.get((before, tokens))
        if bias is None:
            places = before + mx.arange(tokens)
            bias = bias_of(mx.arange(before + tokens) <= places[:, None], dtype)
            self._plan.biases[before, tokens] = bias
        return bias

    def _try(self, heads: Heads, length: int, width: int) -> None:
        """Attend as a chunk does whose prompt is of so many tokens with it."""
        cache = KVCache()
        before = width - length
        if before:
            cache.keys = mx.zeros((1, heads.keys, before, heads.width), heads.dtype)
            cache.values = mx.zeros((1, heads.keys, before, heads.value_width), heads.dtype)
            cache.offset = before
        mx.eval(self.attend(*_rows(heads, length), [ChunkRows(cache, 0, length, width + 1)], heads.scale))

    def _try_packed(self, heads: Heads, length: int, count: int) -> None:
        chunks = [ChunkRows(KVCache(), start, start + length, length) for start in range(0, count * length, length)]
        mx.eval(self.attend(*_rows(heads, count * length), chunks, heads.scale))


def _rows(heads: Heads, count: int) -> tuple[mx.array, mx.array, mx.array]:
    """Queries, keys and values of so many tokens."""
    queries = mx.zeros((count, heads.queries, 1, heads.width), heads.dtype)
    keys, values = (mx.zeros((count, heads.keys, 1, width), heads.dtype) for width in (heads.width, heads.value_width))
    return queries, keys, values


def _groups(chunks: Rows[ChunkRows]) -> list[tuple[int, list[int]]]:
    """Numbers of short whole prompts, with the length that they are filled up to; and of all other chunks, with 0."""
    groups: dict[int, list[int]] = {}
    for number, chunk in enumerate(chunks):
        before, tokens = _extent(chunk)
        is_whole = before == 0 and tokens == chunk.capacity
        length = filled_up(tokens) if is_whole else 0
        groups.setdefault(length if length <= _MOST_PACKED else 0, []).append(number)
    return [
        (length, some)
        for length, group in groups.items()
        for some in ([group] if length == 0 else _at_most(_PACKS[-1], group))
    ]


def _extent(chunk: ChunkRows) -> tuple[int, int]:
    """How many tokens come before it, and how many are in it."""
    return chunk.cache.offset, chunk.stop - chunk.start


def _order(chunks: list[ChunkRows]) -> mx.array | None:
    """That brings outputs (tokens, ...) which lie one chunk behind the other to where their rows are."""
    if all(one.stop <= other.start for one, other in pairwise(chunks)):
        return None
    places = np.concatenate([np.arange(chunk.start, chunk.stop) for chunk in chunks])
    return mx.array(np.argsort(places).astype(np.int32))


def _at_most(count: int, group: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(group), count):
        yield group[start : start + count]


def _packed(
    queries: mx.array, keys: mx.array, values: mx.array, chunks: list[ChunkRows], pack: Pack, scale: float
) -> mx.array:
    """Outputs (tokens, heads, width) of whole prompts; their caches become slices of one array."""
    asked, held_keys, held_values = (rows[:, :, 0][pack.rows].transpose(0, 2, 1, 3) for rows in (queries, keys, values))
    # So that each prompt's own are in one piece, as those who move rows want them.
    held_keys, held_values = mx.contiguous(held_keys), mx.contiguous(held_values)
    out = mx.fast.scaled_dot_product_attention(asked, held_keys, held_values, scale=scale, mask="causal")
    for number, chunk in enumerate(chunks):
        cache = chunk.cache
        cache.keys, cache.values = held_keys[number : number + 1], held_values[number : number + 1]
        cache.offset = chunk.stop - chunk.start
    return out.transpose(0, 2, 1, 3).flatten(0, 1)[pack.own]
