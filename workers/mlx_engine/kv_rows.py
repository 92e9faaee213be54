"""KVRows: the caches of all layers of the decode batch, kept in one row order."""

from typing import Any

from mlx_lm.models.cache import KVCache

from workers.mlx_engine.slots import COLUMNS, Layout, SlotKVCache


class KVRows:
    """Plain KV layers lie in slots; layers of any other kind (sliding windows, recurrent states) use mlx-lm's own
    batch caches, whose rows are few bytes, so that rebuilding them is cheap."""

    def __init__(self) -> None:
        self.layout = Layout()
        self.caches: list[Any] = []
        """One a layer, to hand to the model."""

    def join(self, own: list[Any], length: int) -> None:
        """Add a sequence of `length` tokens, whose own caches are `own`, as the last row."""
        row = len(self.layout.lengths)
        if row == 0:
            self.caches = [SlotKVCache(self.layout, one) if type(one) is KVCache else None for one in own]
        shift = self.layout.join(length)
        for layer, (cache, one) in enumerate(zip(self.caches, own, strict=True)):
            if isinstance(cache, SlotKVCache):
                cache.join(one, row, shift)
            elif row == 0:
                self.caches[layer] = one.merge([one])
            else:
                cache.extend(one.merge([one]))

    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        last = len(self.layout.lengths) - 1
        if last == 0:
            self.layout, self.caches = Layout(), []
            return
        order = list(range(last))
        if row != last:
            order[row] = last
        for cache in self.caches:
            if isinstance(cache, SlotKVCache):
                cache.leave(row, last)
            else:
                cache.filter(order)
        self.layout.leave(row)
        self._shrink()

    def advance(self) -> None:
        """The model has run one token a row through the caches."""
        self.layout.advance(1)

    @property
    def nbytes(self) -> int:
        return sum(cache.nbytes for cache in self.caches)

    def _shrink(self) -> None:
        slots = [cache for cache in self.caches if isinstance(cache, SlotKVCache)]
        if not slots:
            return
        rows, capacity, spare = len(self.layout.lengths), slots[0].capacity, self.layout.spare
        if rows * 4 > capacity and spare < COLUMNS:
            return
        end = self.layout.end - spare
        for cache in slots:
            cache.relay(capacity // 2 if rows * 4 <= capacity else capacity, end, -spare)
        self.layout.cut(spare)
