"""RowCopy: moves a row's keys and values into the batch's buffers in place, where MLX would copy the buffers."""

from dataclasses import dataclass
from typing import Any, Protocol

import mlx.core as mx

from workers.mlx_engine.attention import Slots
from workers.mlx_engine.attention_cuda import kernel_source

_THREADS = 256
_BLOCKS = 16
"""To a head of a row."""


@dataclass(frozen=True, slots=True)
class OneRow:
    """`columns` columns from `start` on, of one row of keys and values (rows, KV heads, columns, width)."""

    keys: mx.array
    values: mx.array
    columns: int
    row: int = 0
    start: int = 0


class RowCopy(Protocol):
    """Whatever moves rows."""

    def copy(self, source: OneRow, slots: Slots, row: int, start: int) -> mx.array:
        """Copy the source to `row` of the slots, from column `start` on, and clear the columns before `start`.

        Returns an array that stands for the copy: it must be computed before anything reads the row.
        """


class CudaRowCopy:
    """row_copy_cuda.cu. The same holds of writing in place as in CudaAttention."""

    def __init__(self) -> None:
        self._kernel: Any = mx.fast.cuda_kernel(
            name="pensieve_row_copy",
            input_names=["keys", "values", "source_keys", "source_values", "where"],
            output_names=["done"],
            source=kernel_source("row_copy_cuda.cu")[1],
            ensure_row_contiguous=False,
        )

    def copy(self, source: OneRow, slots: Slots, row: int, start: int) -> mx.array:
        heads, width = slots.keys.shape[1], slots.keys.shape[3]
        done: mx.array = self._kernel(
            inputs=[slots.keys, slots.values, source.keys, source.values,
                    mx.array([row, start, source.columns, source.row, source.start], mx.int32)],
            output_shapes=[(1,)],
            output_dtypes=[mx.int32],
            grid=(_BLOCKS * _THREADS, heads, 2),
            threadgroup=(_THREADS, 1, 1),
            template=[("T", slots.keys.dtype), ("D", width)],
        )[0]  # fmt: skip
        return done
