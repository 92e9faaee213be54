"""SplitLinear: a layer's product with its weights, shared by the cores, in passes that wait for each of their layers.

Such a pass has one BLAS thread (see gemm.py). Large products are cut here, each core computing some of the outputs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Self

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_unflatten

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.numpy_model import Product
from workers.mlx_engine.numpy_products import PART, NumpyProducts


class SplitProducts:
    """Those layers of a model whose products are large enough for two cores; they stand in the model from now on."""

    def __init__(self, cores: Cores) -> None:
        self.shared = NumpyProducts(cores)
        self.is_on = False

    @classmethod
    def of(cls, model: nn.Module, cores: Cores) -> Self:
        """Replaces layers of float32 weights. Outside `at_once` they compute as before."""
        found = cls(cores)
        large = [
            (path, SplitLinear(part, found))
            for path, part in model.named_modules()
            if type(part) is nn.Linear and part.weight.dtype == mx.float32 and part.weight.size >= 2 * PART
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
        rows = np.ascontiguousarray(np.array(x, copy=False).reshape(-1, x.shape[-1]))
        product = self._products.shared.of(rows, [self._product])
        return mx.array(product).reshape(*x.shape[:-1], -1)

    @cached_property
    def _product(self) -> Product:
        """In MLX's own buffers."""
        return Product.of(self)
