"""LayerCopy: takes some tokens' keys and values, of all layers at once, into memory of their own."""

from collections.abc import Sequence as Rows
from typing import Protocol

import mlx.core as mx

from workers.mlx_engine.attention_cuda import kernel_source
from workers.mlx_engine.layer_kernels import THREADS, LayerKernels

Layer = tuple[mx.array, mx.array]
"""Keys and values, (1, KV heads, tokens, width) each."""

_BLOCKS = 16
"""To a head of a sequence, at most."""
_ALIGNED_BYTES = 16


def copied(array: mx.array) -> mx.array:
    """The same in a buffer of its own; not as mx.contiguous, which hands back what is contiguous already."""
    return array * mx.array(1, array.dtype)


class LayerCopy(Protocol):
    """Whatever copies."""

    @property
    def is_ordered(self) -> bool:
        """What it copies may be written over by whatever is launched after the copy, before that is computed."""

    def copy(self, layers: Rows[Layer], start: int, stop: int) -> list[Layer]:
        """Of each layer the tokens from `start` to `stop`, in arrays that share no memory with anything."""


class MlxLayerCopy:
    """An operation for each array; on every device."""

    is_ordered = False
    """While an array is still to be read, MLX copies it in whole where it would be written to."""

    def copy(self, layers: Rows[Layer], start: int, stop: int) -> list[Layer]:
        return [(copied(keys[:, :, start:stop]), copied(values[:, :, start:stop])) for keys, values in layers]


class CudaLayerCopy:
    """layer_copy_cuda.cu, launched once for many layers; for those that it doesn't suit, as MlxLayerCopy."""

    is_ordered = True

    def __init__(self) -> None:
        self._kernels = LayerKernels(
            "pensieve_layer_copy", kernel_source("layer_copy_cuda.cu"),
            inputs=("of_keys", "of_values"), outputs=("into_keys", "into_values"),
        )  # fmt: skip
        self._plain = MlxLayerCopy()

    def copy(self, layers: Rows[Layer], start: int, stop: int) -> list[Layer]:
        if not all(map(_suits, layers)):
            return self._plain.copy(layers, start, stop)
        where = mx.array([start, stop - start], mx.int32)
        copies: list[Layer] = []
        for group in self._kernels.groups(layers):
            _, heads, _, width = group[0][0].shape
            threads = (stop - start) * width * group[0][0].dtype.size // _ALIGNED_BYTES
            blocks = min(_BLOCKS, -(-threads // THREADS))
            written = self._kernels.launch(group, where, blocks, (1, heads, stop - start, width))
            copies += zip(written[::2], written[1::2], strict=True)
        return copies


def _suits(layer: Layer) -> bool:
    keys, values = layer
    is_aligned = keys.shape[3] * keys.dtype.size % _ALIGNED_BYTES == 0
    return keys.shape == values.shape and keys.dtype == values.dtype and is_aligned
