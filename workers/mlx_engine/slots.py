"""SlotKVCache: the keys and values of all rows in one buffer per layer, where a row joins or leaves by one row's copy.

mlx-lm's own batch cache rebuilds the whole batch when a row comes or goes; with 32 rows that takes longer than a step.
As there, rows are right-aligned: all write their next token at the same column, and a shorter row starts further right.
"""

from typing import Any

import mlx.core as mx
from mlx_lm.models.base import create_causal_mask
from mlx_lm.models.cache import BatchKVCache, KVCache

from workers.mlx_engine.attention import DecodeAttention, NewTokens, SeveralAttention, SeveralTokens

COLUMNS = 256
"""Buffers grow by this many tokens, and columns that no row needs are cut off when there are as many."""


class Layout:
    """Which columns each row owns; one for all layers. Row i holds the columns `end - lengths[i]` to `end`."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.end = 0
        self.offsets = mx.array([], mx.int32)
        """(rows,): the position of each row's next token."""
        self.padding = mx.array([], mx.int32)
        """(rows,): the column at which each row starts."""
        self._owned: mx.array | None = None

    @property
    def even(self) -> bool:
        return min(self.lengths) == self.end

    @property
    def spare(self) -> int:
        """Columns at the left that no row needs."""
        return self.end - max(self.lengths, default=0)

    def owned(self) -> mx.array | None:
        """(rows, 1, 1, end + 1), true where a row may attend in this step, in all layers; None if everywhere."""
        if self.even:
            return None
        if self._owned is None:
            self._owned = self.padding[:, None, None, None] <= mx.arange(self.end + 1)
        return self._owned

    def join(self, length: int) -> int:
        """Add a row; return by how many columns the others have to move right first."""
        shift = max(0, length - self.end)
        self.end += shift
        self.lengths.append(length)
        self._place()
        return shift

    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        self.lengths[row] = self.lengths[-1]
        self.lengths.pop()
        self._place()

    def cut(self, columns: int) -> None:
        self.end -= columns
        self._place()

    def advance(self, tokens: int) -> None:
        """All rows have got that many more tokens."""
        self.lengths = [length + tokens for length in self.lengths]
        self.end += tokens
        self.offsets = self.offsets + tokens
        self._owned = None

    def _place(self) -> None:
        self.offsets = mx.array(self.lengths, mx.int32)
        self.padding = mx.array([self.end - length for length in self.lengths], mx.int32)
        self._owned = None


class SlotKVCache(BatchKVCache):  # type: ignore[misc]
    """One layer's buffers, (capacity, heads, columns, width); the first `len(layout.lengths)` rows are in use.

    To a model it is mlx-lm's BatchKVCache; the layout is moved on by its owner, once a step, and not by each layer.
    """

    def __init__(
        self,
        layout: Layout,
        like: KVCache,
        attention: DecodeAttention | None = None,
        several: SeveralAttention | None = None,
    ) -> None:
        """Empty, for rows such as `like` holds one. Without an `attention` the model's own is used, with a mask.

        `several` is for passes in which a lone row has more than one new token.
        """
        self.layout = layout
        self.attention = attention
        self._zeros: mx.array | None = None
        self._several = several
        self.keys = mx.zeros((0, *like.keys.shape[1:]), like.keys.dtype)
        self.values = mx.zeros((0, *like.values.shape[1:]), like.values.dtype)

    @property
    def offset(self) -> mx.array:
        return self.layout.offsets

    @property
    def offsets(self) -> mx.array:
        return self.layout.offsets

    @property
    def padding(self) -> mx.array:
        return self.layout.padding

    @property
    def left_padding(self) -> mx.array:
        return self.layout.padding

    @property
    def _idx(self) -> int:
        return self.layout.end

    def owned(self) -> mx.array | None:
        return self.layout.owned()

    def zeros(self, count: int) -> mx.array:
        if self._zeros is None or self._zeros.size < count:
            self._zeros = mx.zeros((count,), mx.int32)
        return self._zeros

    @property
    def capacity(self) -> int:
        return int(self.keys.shape[0])

    @property
    def nbytes(self) -> int:
        return int(self.keys.nbytes + self.values.nbytes)

    def make_mask(
        self,
        N: int,  # noqa: N803
        return_array: bool = False,  # noqa: FBT001, FBT002
        window_size: int | None = None,
    ) -> Any:
        """None where it may be: rows of one length need no mask, and attention without one is the fast path."""
        layout = self.layout
        boundless = layout.even or self.attention is not None
        if N == 1 and boundless and not return_array and (window_size is None or layout.end < window_size):
            return None
        padding = None if layout.even else layout.padding
        return create_causal_mask(N, offset=layout.end, window_size=window_size, left_padding=padding)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[Any, Any]:
        if self.attention is not None and keys.shape[2] == 1:
            self.reserve(self.layout.end + 1)
            tokens = NewTokens(self, keys, values, self.attention)
            return tokens, tokens
        if self._several is not None and keys.shape[0] == 1 and keys.shape[2] > 1:
            several = SeveralTokens(self, *self.write(keys, values), self._several)
            return several, several
        return self.write(keys, values)

    def write(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        rows, new = keys.shape[0], keys.shape[2]
        start, end = self.layout.end, self.layout.end + new
        self.reserve(end)
        self.keys[:rows, :, start:end] = keys
        self.values[:rows, :, start:end] = values
        return self.keys[:rows, :, :end], self.values[:rows, :, :end]

    def reserve(self, columns: int) -> None:
        if columns > self.keys.shape[2]:
            self.relay(self.capacity, columns)

    def make_room(self, row: int, shift: int) -> None:
        """For row number `row`, which the layout has already, after moving the others right by `shift` columns."""
        end, capacity = self.layout.end, self.capacity
        if shift or row >= capacity or end > self.keys.shape[2]:
            self.relay(capacity if row < capacity else max(1, 2 * capacity), end, shift)

    def relay(self, capacity: int, end: int, shift: int = 0) -> None:
        """Make the buffers anew for `capacity` rows and at least `end` columns, contents moved right by `shift`.

        A negative shift cuts columns off at the left.
        """
        columns = -(-end // COLUMNS) * COLUMNS
        self.keys = _relaid(self.keys, capacity, columns, shift)
        self.values = _relaid(self.values, capacity, columns, shift)


def _relaid(array: mx.array, capacity: int, columns: int, shift: int) -> mx.array:
    array = array[:capacity, :, max(0, -shift) :]
    shift = max(0, shift)
    array = array[:, :, : columns - shift]
    below, right = capacity - array.shape[0], columns - shift - array.shape[2]
    return mx.pad(array, [(0, below), (0, 0), (shift, right), (0, 0)])
