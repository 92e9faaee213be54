"""CpuRowCopy: moves a row's keys and values in place through NumPy, where MLX would copy the buffers of all rows."""

from collections.abc import Sequence as Layers

import mlx.core as mx
import numpy as np

from workers.mlx_engine.attention import Slots
from workers.mlx_engine.row_copy import OneRow


class CpuRowCopy:
    """Waits for the step in flight, which may still read the buffers: rows come and go once in many steps."""

    def copy(self, source: OneRow, slots: Layers[Slots], row: int, start: int) -> list[mx.array]:
        there = [*source.keys, *source.values]
        here = [*(one.keys for one in slots), *(one.values for one in slots)]
        mx.eval(there, here)
        mx.synchronize()
        for taken_from, put_into in zip(there, here, strict=True):
            taken = np.array(taken_from, copy=False)[source.row, :, source.start : source.start + source.columns]
            own = np.array(put_into, copy=False)[row]
            # The same buffer where the last row takes another's place, but never the same row of it.
            own[:, start : start + source.columns] = taken
            own[:, :start] = 0
        return []
