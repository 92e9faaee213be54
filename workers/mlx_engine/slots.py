"""SlotKVCache: the keys and values of all rows in one buffer per layer, where a row joins or leaves by one row's copy.

mlx-lm's own batch cache rebuilds the whole batch when a row comes or goes; with 32 rows that takes longer than a step.
As there, rows are right-aligned: all write their next token at the same column, and a shorter row starts further right.
"""

from typing import Any

import mlx.core as mx
from mlx_lm.models.base import create_causal_mask
from mlx_lm.models.cache import BatchKVCache, KVCache

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

    @property
    def even(self) -> bool:
        return min(self.lengths) == self.end

    @property
    def spare(self) -> int:
        """Columns at the left that no row needs."""
        return self.end - max(self.lengths, default=0)

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

    def _place(self) -> None:
        self.offsets = mx.array(self.lengths, mx.int32)
        self.padding = mx.array([self.end - length for length in self.lengths], mx.int32)


class SlotKVCache(BatchKVCache):  # type: ignore[misc]
    """One layer's buffers, (capacity, heads, columns, width); the first `len(layout.lengths)` rows are in use.

    To a model it is mlx-lm's BatchKVCache; the layout is moved on by its owner, once a step, and not by each layer.
    """

    def __init__(self, layout: Layout, like: KVCache) -> None:
        """Empty, for rows such as `like` holds one."""
        self.layout = layout
        self.keys = mx.zeros((0, *like.keys.shape[1:]), like.keys.dtype)
        self.values = mx.zeros((0, *like.values.shape[1:]), like.values.dtype)

    @property
    def offset(self) -> mx.array:
        return self.layout.offsets

    @property
    def left_padding(self) -> mx.array:
        return self.layout.padding

    @property
    def _idx(self) -> int:
        return self.layout.end

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
        if N == 1 and layout.even and not return_array and (window_size is None or layout.end < window_size):
            return None
        padding = None if layout.even else layout.padding
        return create_causal_mask(N, offset=layout.end, window_size=window_size, left_padding=padding)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        rows, new = keys.shape[0], keys.shape[2]
        start, end = self.layout.end, self.layout.end + new
        if end > self.keys.shape[2]:
            self.relay(self.capacity, end)
        self.keys[:rows, :, start:end] = keys
        self.values[:rows, :, start:end] = values
        return self.keys[:rows, :, :end], self.values[:rows, :, :end]

    def join(self, one: KVCache, row: int, shift: int) -> None:
        """Copy in a sequence's own cache as row number `row`, after moving the others right by `shift` columns.

        The layout has the row already.
        """
        end = self.layout.end
        keys, values = one.keys[:, :, : one.offset], one.values[:, :, : one.offset]
        capacity = self.capacity
        if shift or row >= capacity or end > self.keys.shape[2]:
            self.relay(capacity if row < capacity else max(1, 2 * capacity), end, shift)
        # Zeros before it, since whatever an earlier row left there, if only a NaN, would come through the mask.
        blank = [(0, 0), (0, 0), (end - one.offset, 0), (0, 0)]
        self.keys[row : row + 1, :, :end] = mx.pad(keys, blank)
        self.values[row : row + 1, :, :end] = mx.pad(values, blank)

    def leave(self, row: int, last: int) -> None:
        """Row `last` takes the place of `row`."""
        if row != last:
            # Taken by index, which copies: a view of the buffer would keep it from being written in place.
            index = mx.array([last])
            self.keys[row : row + 1] = self.keys[index]
            self.values[row : row + 1] = self.values[index]

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
