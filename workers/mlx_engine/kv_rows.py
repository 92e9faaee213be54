"""KVRows: the caches of all layers of the decode batch, kept in one row order."""

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.attention import DecodeAttention, SeveralAttention
from workers.mlx_engine.row_copy import MlxRowCopy, OneRow, RowCopy
from workers.mlx_engine.slots import COLUMNS, Layout, SlotKVCache


class KVRows:
    """Plain KV layers lie in slots; layers of any other kind (sliding windows, recurrent states) use mlx-lm's own
    batch caches, whose rows are few bytes, so that rebuilding them is cheap."""

    def __init__(
        self,
        attention: DecodeAttention | None = None,
        row_copy: RowCopy | None = None,
        several: SeveralAttention | None = None,
    ) -> None:
        """What decodes the slots, what moves rows in them, and what attends to several new tokens of a lone row.

        Without, the model's own attention and MLX's operations.
        """
        self.attention = attention
        self._row_copy: RowCopy = row_copy or MlxRowCopy()
        self._several = several
        self.layout = Layout()
        self.caches: list[Any] = []
        """One a layer, to hand to the model."""

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.layout.lengths)

    @property
    def offsets(self) -> mx.array:
        """(rows,): the position of each row's next token."""
        return self.layout.offsets

    def join(self, own: list[Any], length: int) -> int:
        """Add a sequence of `length` tokens, whose own caches are `own`; return its place, the last row's."""
        row = self.count
        if row == 0:
            self.caches = [self._slots(one) if type(one) is KVCache else None for one in own]
        shift = self.layout.join(length)
        ones = []
        for layer, (cache, one) in enumerate(zip(self.caches, own, strict=True)):
            if isinstance(cache, SlotKVCache):
                cache.make_room(row, shift)
                ones.append(one)
            elif row == 0:
                self.caches[layer] = one.merge([one])
            else:
                cache.extend(one.merge([one]))
        self._move(OneRow([one.keys for one in ones], [one.values for one in ones], length), row)
        return row

    def adopt(self, own: list[KVCache], length: int) -> None:
        """Begin with this sequence's caches as they are, uncopied: they are no longer the caller's to write to."""
        self.layout.join(length)
        self.caches = [self._slots(one) for one in own]
        for slots, one in zip(self.caches, own, strict=True):
            slots.keys, slots.values = one.keys, one.values

    def empty(self) -> "KVRows":
        """Another one of the kind, without rows."""
        return KVRows(self.attention, self._row_copy, self._several)

    def extract(self, row: int) -> tuple[list[Any], int]:
        """A row's own caches, one a layer, as a sequence alone has them, and their tokens; plain ones are slices."""
        end, length = self.layout.end, self.layout.lengths[row]
        own: list[Any] = []
        for cache in self.caches:
            if isinstance(cache, SlotKVCache):
                one = KVCache()
                one.keys = cache.keys[row : row + 1, :, end - length : end]
                one.values = cache.values[row : row + 1, :, end - length : end]
                one.offset = length
                own.append(one)
            else:
                own.append(cache.extract(row))
        return own, length

    def leave(self, row: int) -> int:
        """Drop a row; the last one takes its place, and its number is returned."""
        last = self.count - 1
        if last == 0:
            self.layout, self.caches = Layout(), []
            return last
        order = list(range(last))
        if row != last:
            order[row] = last
        for cache in self.caches:
            if not isinstance(cache, SlotKVCache):
                cache.filter(order)
        if row != last:
            length, slots = self.layout.lengths[last], self._all_slots
            keys, values = [cache.keys for cache in slots], [cache.values for cache in slots]
            self._move(OneRow(keys, values, length, last, self.layout.end - length), row)
        self.layout.leave(row)
        self._shrink()
        return last

    @property
    def rectangles(self) -> list["KVRows"]:
        """As KVGroups.rectangles."""
        return [self] if self.count else []

    @property
    def can_take_back(self) -> bool:
        """Whether tokens can be taken out again: windows and recurrent states have forgotten what was before."""
        return all(isinstance(cache, SlotKVCache) for cache in self.caches)

    def take_back(self, tokens: int) -> None:
        """Forget each row's newest tokens."""
        self.layout.advance(-tokens)

    def advance(self, tokens: int = 1) -> None:
        """The model has run one token a row through the caches."""
        self.layout.advance(tokens)

    def grow_ahead(self) -> None:
        """Make room for the tokens to come in one layer at a time, lest there be a step that has to in all of them."""
        layers = len(self.caches)
        self.caches[self.layout.end % layers].reserve(self.layout.end + layers)

    @property
    def capacity(self) -> int:
        """Rows that the slots have room for."""
        return max((cache.capacity for cache in self._all_slots), default=0)

    @property
    def nbytes(self) -> int:
        return sum(cache.nbytes for cache in self.caches)

    def room_for(self, rows: int) -> int:
        """The most rows that the slots may come to have room for while so many run: it doubles."""
        return max(self.capacity, 1 << (rows - 1).bit_length())

    def _slots(self, like: KVCache) -> SlotKVCache:
        return SlotKVCache(self.layout, like, self.attention, self._several)

    @property
    def _all_slots(self) -> list[SlotKVCache]:
        return [cache for cache in self.caches if isinstance(cache, SlotKVCache)]

    def _move(self, source: OneRow, row: int) -> None:
        """Into that row, to end where all rows do."""
        done = self._row_copy.copy(source, self._all_slots, row, self.layout.end - source.columns)
        mx.async_eval(*done)  # type: ignore[no-untyped-call]

    def _shrink(self) -> None:
        slots = self._all_slots
        if not slots:
            return
        rows, capacity, spare = self.count, slots[0].capacity, self.layout.spare
        if rows * 4 > capacity and spare < COLUMNS:
            return
        end = self.layout.end - spare
        for cache in slots:
            cache.relay(capacity // 2 if rows * 4 <= capacity else capacity, end, -spare)
        self.layout.cut(spare)
