"""SplitLinear: a layer's product with its weights, shared by the cores, in passes that wait for each of their layers.

Such a pass has one BLAS thread (see gemm.py). Large products are cut here, each core computing some of the outputs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Self

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_unflatten

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, gemm

_PART = 1 << 18
"""Weights for a core, at least: a megabyte. Fewer are read sooner than another thread wakes."""
_ALIGNED = 16
"""Outputs that a core's registers hold together."""


class SplitProducts:
    """Those layers of a model whose products are large enough for two cores; they stand in the model from now on."""

    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        self.is_on = False

    @classmethod
    def of(cls, model: nn.Module, cores: Cores) -> Self:
        """Replaces layers of float32 weights. Outside `at_once` they compute as before."""
        found = cls(cores)
        large = [
            (path, SplitLinear(part, found))
            for path, part in model.named_modules()
            if type(part) is nn.Linear and part.weight.dtype == mx.float32 and part.weight.size >= 2 * _PART
        ]
        model.update_modules(tree_unflatten(large))
        return found

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """In here, such a layer's product is computed when it returns."""
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


class SplitLinear(nn.Linear):  # type: ignore[misc]
    """Has the parameters of the layer whose place it takes, at the same paths."""

    def __init__(self, linear: nn.Linear, products: SplitProducts) -> None:
        # Linear's own would make weights of its own.
        nn.Module.__init__(self)
        for name, parameter in linear.parameters().items():
            setattr(self, name, parameter)
        self._products = products

    def __call__(self, x: mx.array) -> mx.array:
        if not self._products.is_on or x.dtype != mx.float32 or x.size == 0:
            out: mx.array = super().__call__(x)
            return out
        mx.eval(x)
        weights, cores = self._weights, self._products.cores
        rows = np.ascontiguousarray(np.array(x, copy=False).reshape(-1, x.shape[-1]))
        product = np.empty((rows.shape[0], weights.shape[0]), np.float32)
        count = min(cores.count, weights.size // _PART)
        size = -(-weights.shape[0] // (count * _ALIGNED)) * _ALIGNED
        parts = [slice(start, start + size) for start in range(0, weights.shape[0], size)]
        cores.run([partial(gemm, rows, weights[part], product[:, part], transposed=True) for part in parts])
        if "bias" in self:
            product += np.array(self.bias, copy=False)
        return mx.array(product).reshape(*x.shape[:-1], -1)

    @cached_property
    def _weights(self) -> Floats:
        """MLX's own buffer (outputs, inputs)."""
        return np.array(self.weight, copy=False)
