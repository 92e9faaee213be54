"""LayerKernels: a CUDA kernel that is launched once for many layers.

On a fast device a small kernel takes the host several times as long to launch as it takes the device to run.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from functools import cache
from itertools import groupby
from typing import Any

import mlx.core as mx

THREADS = 256
"""Of a block."""
MOST_LAYERS = 32
"""Of one launch: all arrays' addresses and what else a kernel is told must fit into 4 KB."""


class LayerKernels:
    """One kernel for each number of layers, made when it is first needed; each layer has the same arrays.

    In the source POINTERS stands for setting `into` and `of`: to a layer's keys where `blockIdx.z` is even, to its
    values where it's odd. The arrays of the first layer have their names and a 0, and so do their strides, which are
    those of all layers.
    """

    def __init__(
        self, name: str, source: tuple[str, str], *, inputs: tuple[str, ...], outputs: tuple[str, ...] = ()
    ) -> None:
        """`inputs` and `outputs` are names of a layer's arrays: keys and values to copy into, wherever they stand, then
        keys and values to copy of. One more input is `where`.

        Without `outputs` the kernel writes to its inputs, and its one output is `done`.
        """
        self._name = name
        self._header, self._body = source
        self._inputs, self._outputs = inputs, outputs
        self._of_layers = cache(self._kernel)

    @staticmethod
    def groups(layers: Rows[tuple[mx.array, ...]]) -> Iterator[list[tuple[mx.array, ...]]]:
        """Layers whose arrays have the same shapes and types, in their order, as many as a launch takes."""
        for _, alike in groupby(layers, lambda arrays: [(array.shape, array.dtype) for array in arrays]):
            group = list(alike)
            for start in range(0, len(group), MOST_LAYERS):
                yield group[start : start + MOST_LAYERS]

    def launch(
        self, group: Rows[tuple[mx.array, ...]], where: mx.array, blocks: int, shape: tuple[int, ...] = (1,)
    ) -> list[mx.array]:
        """The outputs, layer by layer, each of that shape; or `done`. So many blocks do each head of an array."""
        keys = group[0][0]
        _, heads, _, width = keys.shape
        count, dtype = (len(group) * len(self._outputs), keys.dtype) if self._outputs else (1, mx.int32)
        outputs: list[mx.array] = self._of_layers(len(group))(
            inputs=[array for arrays in group for array in arrays] + [where],
            output_shapes=[shape] * count,
            output_dtypes=[dtype] * count,
            grid=(blocks * THREADS, heads, 2 * len(group)),
            threadgroup=(THREADS, 1, 1),
            template=[("T", keys.dtype), ("D", width)],
        )
        return outputs

    def _kernel(self, layers: int) -> Any:
        names = [f"{name}{layer}" for layer in range(layers) for name in self._inputs]
        written = [f"{name}{layer}" for layer in range(layers) for name in self._outputs]
        return mx.fast.cuda_kernel(
            name=f"{self._name}_{layers}",
            input_names=[*names, "where"],
            output_names=written or ["done"],
            source=self._body.replace("POINTERS", self._pointers(layers)),
            header=self._header,
            ensure_row_contiguous=False,
        )

    def _pointers(self, layers: int) -> str:
        into_keys, into_values, of_keys, of_values = (*self._outputs, *self._inputs)
        cases = [
            f"case {2 * layer + place}: into = const_cast<T*>({into}{layer}); of = {of}{layer}; break;"
            for layer in range(layers)
            for place, (into, of) in enumerate(((into_keys, of_keys), (into_values, of_values)))
        ]
        return "switch (blockIdx.z) {\n" + "\n".join(cases) + "\n}"
