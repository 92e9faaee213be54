"""KVGroups: the decode batch's rows in a few rectangles by their width, where attention pays for each column.

In one rectangle a long row makes all its neighbours as wide as it is: their buffers are copied when it joins, and each
step attends over columns that they don't own. With 6000 tokens among 8 short rows that is most of a step on a CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import mlx.core as mx

from workers.mlx_engine.attention import PlainLayer, PlainTokens, attend
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.slots import SlotKVCache

MOST_GROUPS = 4
_SPARED_COLUMNS = 1024
"""Of all rows together, that one more group must spare: its own operations take as long in each step."""


class KVGroups:
    """To the batch what KVRows is: rows are numbered through all groups. For models with nothing but plain layers."""

    def __init__(self, new: Callable[[], KVRows]) -> None:
        """`new` makes an empty rectangle."""
        self._new = new
        self._groups: list[KVRows] = []
        self._offsets: mx.array | None = None
        self.caches: list[Any] = []
        """One a layer, to hand to the model."""

    def join(self, own: list[Any], length: int) -> int:
        """As KVRows.join: the row is the last one of its group. Its caches are no longer the caller's to write to."""
        group = self._group_for(length)
        if group.count:
            group.join(own, length)
        else:
            group.adopt(own, length)
        self._arrange()
        return self._start(group) + group.count - 1

    def extract(self, row: int) -> tuple[list[Any], int]:
        """As KVRows.extract."""
        group, place = self._at(row)
        return group.extract(place)

    def leave(self, row: int) -> int:
        """As KVRows.leave: the last one of its group takes its place."""
        group, place = self._at(row)
        moved = self._start(group) + group.leave(place)
        self._groups = [group for group in self._groups if group.count]
        self._arrange()
        return moved

    @property
    def rectangles(self) -> list[KVRows]:
        """In the order of the rows, who follow one another through them."""
        return list(self._groups)

    @property
    def can_take_back(self) -> bool:
        """As KVRows says."""
        return all(group.can_take_back for group in self._groups)

    def take_back(self, tokens: int) -> None:
        """As KVRows.take_back."""
        self.advance(-tokens)

    def advance(self, tokens: int = 1) -> None:
        """As KVRows.advance."""
        self._offsets = None
        for group in self._groups:
            group.layout.advance(tokens)
            group.grow_ahead()

    @property
    def offsets(self) -> mx.array:
        """(rows,): the position of each row's next token."""
        if self._offsets is None:
            self._offsets = mx.concatenate([group.offsets for group in self._groups])
        return self._offsets

    @property
    def capacity(self) -> int:
        """Rows that the slots have room for."""
        return sum(group.capacity for group in self._groups)

    @property
    def nbytes(self) -> int:
        return sum(group.nbytes for group in self._groups)

    def room_for(self, rows: int) -> int:
        """The most rows that the slots may come to have room for while so many run."""
        return max(self.capacity, _most_room(rows, MOST_GROUPS))

    def _group_for(self, length: int) -> KVRows:
        if self._groups:
            spared, group = min(((_spared(group, length), group) for group in self._groups), key=lambda pair: pair[0])
            if spared < _SPARED_COLUMNS or len(self._groups) == MOST_GROUPS:
                return group
        self._groups.append(self._new())
        return self._groups[-1]

    def _start(self, group: KVRows) -> int:
        return sum(other.count for other in self._groups[: self._groups.index(group)])

    def _at(self, row: int) -> tuple[KVRows, int]:
        for group in self._groups:
            if row < group.count:
                return group, row
            row -= group.count
        raise IndexError(f"no row {row} behind the last one")

    def _arrange(self) -> None:
        self._offsets = None
        if len(self._groups) < 2:
            self.caches = self._groups[0].caches if self._groups else []
            return
        layers = zip(*(group.caches for group in self._groups), strict=True)
        self.caches = [GroupedLayer(self, list(slots), [group.count for group in self._groups]) for slots in layers]


@dataclass(frozen=True, slots=True)
class GroupedLayer(PlainLayer):
    """A layer's cache, as a model sees it, until rows come or go."""

    groups: KVGroups
    slots: list[SlotKVCache]
    counts: list[int]
    """Rows of each."""

    @property
    def offset(self) -> mx.array:
        return self.groups.offsets

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple["GroupedTokens", "GroupedTokens"]:
        tokens = GroupedTokens(self, keys, values)
        return tokens, tokens


@dataclass(frozen=True, slots=True)
class GroupedTokens(PlainTokens):
    """One token a row in one layer: keys and values (rows, KV heads, 1, width)."""

    layer: GroupedLayer
    keys: mx.array
    values: mx.array

    def attended_plainly(self, queries: mx.array, scale: float) -> mx.array:
        done, start = [], 0
        for slots, count in zip(self.layer.slots, self.layer.counts, strict=True):
            own = slice(start, start + count)
            held = slots.update_and_fetch(self.keys[own], self.values[own])
            done.append(attend(queries[own], *held, cache=slots, scale=scale, mask=slots.make_mask(1)))
            start += count
        return mx.concatenate(done)


def _spared(group: KVRows, length: int) -> int:
    """Columns that nobody would own if this row joined the group: its own, or those of all who were there."""
    width = group.layout.end
    return max(width - length, (length - width) * group.count)


@cache
def _most_room(rows: int, groups: int) -> int:
    """A group's room is the power of two that its rows fit; the worst way to spread them."""
    if rows == 0 or groups == 0:
        return 0
    return max((1 << (some - 1).bit_length()) + _most_room(rows - some, groups - 1) for some in range(1, rows + 1))
