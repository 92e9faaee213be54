"""CpuRowCopy: moves a row's keys and values in place through NumPy, where MLX would copy the buffers of all rows."""

import mlx.core as mx
import numpy as np

from workers.mlx_engine.attention import Slots
from workers.mlx_engine.row_copy import OneRow


class CpuRowCopy:
    """Waits for the step in flight, which may still read the buffers: rows come and go once in many steps."""

    def copy(self, source: OneRow, slots: Slots, row: int, start: int) -> mx.array:
        mx.eval(source.keys, source.values, slots.keys, slots.values)
        mx.synchronize()
        pairs = ((source.keys, slots.keys), (source.values, slots.values))
        for there, here in pairs:
            taken = np.array(there, copy=False)[source.row, :, source.start : source.start + source.columns]
            own = np.array(here, copy=False)[row]
            # The same buffer where the last row takes another's place, but never the same row of it.
            own[:, start : start + source.columns] = taken
            own[:, :start] = 0
        return mx.array(0)
