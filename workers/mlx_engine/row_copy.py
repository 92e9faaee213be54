"""RowCopy: moves a row's keys and values into the batch's buffers in place, where MLX would copy the buffers."""

from collections.abc import Sequence as Layers
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx

from workers.mlx_engine.attention import Slots
from workers.mlx_engine.attention_cuda import kernel_source
from workers.mlx_engine.layer_kernels import LayerKernels

_BLOCKS = 16
"""To a head of a row."""


@dataclass(frozen=True, slots=True)
class OneRow:
    """So many columns of one row, from `start` on; each layer's keys and values, (rows, KV heads, columns, width)."""

    keys: Layers[mx.array]
    values: Layers[mx.array]
    columns: int
    row: int = 0
    start: int = 0


class RowCopy(Protocol):
    """Whatever moves rows."""

    def copy(self, source: OneRow, slots: Layers[Slots], row: int, start: int) -> list[mx.array]:
        """Copy the source to `row` of the layers' slots, from column `start` on, and clear the columns before `start`.

        Returns arrays that stand for the copy: they must be computed before anything reads the row.
        """


class MlxRowCopy:
    """By operations on each layer, which MLX carries out in place where nobody else reads the buffers."""

    def copy(self, source: OneRow, slots: Layers[Slots], row: int, start: int) -> list[mx.array]:
        for keys, values, into in zip(source.keys, source.values, slots, strict=True):
            into.keys[row : row + 1, :, : start + source.columns] = _taken(source, keys, into.keys, start)
            into.values[row : row + 1, :, : start + source.columns] = _taken(source, values, into.values, start)
        return []


def _taken(source: OneRow, array: mx.array, into: mx.array, start: int) -> mx.array:
    # By index, which copies, from the buffer itself: a view would keep it from being written in place.
    one = array[mx.array([source.row])] if array is into else array[source.row : source.row + 1]
    # Zeros before it, since whatever an earlier row left there, if only a NaN, would come through the mask.
    blank = [(0, 0), (0, 0), (start, 0), (0, 0)]
    return mx.pad(one[:, :, source.start : source.start + source.columns], blank)


class CudaRowCopy:
    """row_copy_cuda.cu, for all layers at once. The same holds of writing in place as in CudaAttention."""

    def __init__(self) -> None:
        self._kernels = LayerKernels(
            "pensieve_row_copy", kernel_source("row_copy_cuda.cu"),
            inputs=("to_keys", "to_values", "of_keys", "of_values"),
        )  # fmt: skip

    def copy(self, source: OneRow, slots: Layers[Slots], row: int, start: int) -> list[mx.array]:
        where = mx.array([row, start, source.columns, source.row, source.start], mx.int32)
        layers = list(zip([one.keys for one in slots], [one.values for one in slots], source.keys, source.values,
                          strict=True))  # fmt: skip
        return [done for group in self._kernels.groups(layers) for done in self._kernels.launch(group, where, _BLOCKS)]
