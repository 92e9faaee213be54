"""NumpyProducts: products of a pass's tokens with a model's weights, each core computing some of the outputs.

The BLAS's own threads would wait busily for each other (see gemm.py); in here it has one.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import ALIGNED, Floats, gemm_few
from workers.mlx_engine.numpy_model import Layer, Product

PART = 1 << 18
"""Weights for a core, at least: a megabyte. Fewer are read sooner than another thread wakes."""


class NumpyProducts:
    def __init__(self, cores: Cores) -> None:
        self.cores = cores

    def of(self, x: Floats, products: Sequence[Product]) -> Floats:
        """Of x (tokens, inputs): (tokens, outputs of all products, one behind the other)."""
        counts = [len(product.weights) for product in products]
        out = np.empty((len(x), sum(counts)), np.float32)
        outs = np.split(out, np.cumsum(counts[:-1]), axis=1)
        shares = [self._shares(count, products) for count in counts]

        def compute(owned: Sequence[slice]) -> None:
            for product, into, own in zip(products, outs, owned, strict=True):
                _product(x, product, own, into[:, own])

        self.cores.run([partial(compute, owned) for owned in zip(*shares, strict=True)])
        return out

    def feed_forward(self, x: Floats, layer: Layer) -> Floats:
        """Each core computes some of the gates and what comes of them; the sum of that is the output."""
        gate, up, down = layer.gate, layer.up, layer.down
        shares = self._shares(len(gate.weights), [gate, up, down])
        outs = [np.empty_like(x) for _ in shares]

        def compute(own: slice, out: Floats) -> None:
            gates, ups = (np.empty((len(x), own.stop - own.start), np.float32) for _ in range(2))
            _product(x, gate, own, gates)
            _product(x, up, own, ups)
            # A gate of minus infinity's power is shut, which is right.
            with np.errstate(over="ignore", invalid="ignore"):
                ups *= gates
                np.negative(gates, out=gates)
                np.exp(gates, out=gates)
                gates += 1
                ups /= gates
            gemm_few(ups, down.weights[:, own], out)

        self.cores.run([partial(compute, own, out) for own, out in zip(shares, outs, strict=True)])
        for out in outs[1:]:
            outs[0] += out
        if down.bias is not None:
            outs[0] += down.bias
        return outs[0]

    def _shares(self, outputs: int, products: Sequence[Product]) -> list[slice]:
        """Which outputs each core computes, where they compute all these products together; some may have none."""
        count = max(1, min(self.cores.count, sum(product.weights.size for product in products) // PART))
        size = -(-outputs // (count * ALIGNED)) * ALIGNED
        return [slice(min(start, outputs), min(start + size, outputs)) for start in range(0, count * size, size)]


def _product(x: Floats, product: Product, own: slice, out: Floats) -> None:
    if own.start == own.stop:
        return
    gemm_few(x, product.weights[own], out)
    if product.bias is not None:
        out += product.bias[own]
