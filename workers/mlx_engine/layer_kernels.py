"""LayerKernels: a CUDA kernel that is launched once for many layers.

On a fast device a small kernel takes the host several times as long to launch as it takes the device to run.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from functools import cache
from itertools import groupby
from typing import Any

import mlx.core as mx

MOST_LAYERS = 32
"""Of one launch: all arrays' addresses and what else a kernel is told must fit into 4 KB."""


class LayerKernels:
    """One kernel for each number of layers, made when it is first needed; each layer has the same arrays.

    In the source POINTERS stands for setting `into` and `of`: to a layer's keys where `blockIdx.z` is even, to its
    values where it's odd. The arrays of the first layer have their names and a 0, and so do their strides, which are
    those of all layers.
    """

    def __init__(
        self,
        name: str,
        source: tuple[str, str],
        *,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        others: tuple[str, ...],
    ) -> None:
        """`inputs` and `outputs` are names of a layer's arrays: keys and values to copy into, wherever they stand, then
        keys and values to copy of. `others` are inputs that there are one of.

        Without `outputs` the kernel writes to its inputs, and its one output is `done`.
        """
        self._name = name
        self._header, self._body = source
        self._inputs, self._outputs, self._others = inputs, outputs, others
        self._of_layers = cache(self._kernel)

    @staticmethod
    def groups(layers: Rows[tuple[mx.array, ...]]) -> Iterator[list[tuple[mx.array, ...]]]:
        """Layers whose arrays have the same shapes and types, in their order, as many as a launch takes."""
        for _, alike in groupby(layers, lambda arrays: [(array.shape, array.dtype) for array in arrays]):
            group = list(alike)
            for start in range(0, len(group), MOST_LAYERS):
                yield group[start : start + MOST_LAYERS]

    def of(self, layers: int) -> Any:
        """What launches the kernel for so many: as mx.fast.cuda_kernel says, its inputs layer by layer."""
        return self._of_layers(layers)

    def _kernel(self, layers: int) -> Any:
        names = [f"{name}{layer}" for layer in range(layers) for name in self._inputs]
        written = [f"{name}{layer}" for layer in range(layers) for name in self._outputs]
        return mx.fast.cuda_kernel(
            name=f"{self._name}_{layers}",
            input_names=[*names, *self._others],
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
