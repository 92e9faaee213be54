"""The gate of a CPU's feed-forward layers, in powers of two or by NumPy: MLX's sigmoid takes four times as long."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models import activations

_NAME = "swiglu"
_original = activations.swiglu
_MINUS_LOG2_E = -1.4426950408889634


def hasten(model: nn.Module) -> None:
    """Let this model's layers, and all others of the same modules, compute what they call swiglu by `swiglu`."""
    for module in _modules(model):
        if getattr(module, _NAME, None) is _original:
            setattr(module, _NAME, swiglu)


@contextmanager
def at_once(model: nn.Module) -> Iterator[None]:
    """In here, what was hastened is computed by `swiglu_at_once`: for passes that wait for their layers anyway."""
    hastened = [module for module in _modules(model) if getattr(module, _NAME, None) is swiglu]
    for module in hastened:
        setattr(module, _NAME, swiglu_at_once)
    try:
        yield
    finally:
        for module in hastened:
            setattr(module, _NAME, swiglu)


def swiglu(gate: mx.array, x: mx.array) -> mx.array:
    """silu(gate) * x, in the type of the two."""
    return gate / (1.0 + mx.power(2.0, gate * _MINUS_LOG2_E)) * x


def swiglu_at_once(gate: mx.array, x: mx.array) -> mx.array:
    """The same of float32, computed when this returns, in a fifth of the time."""
    if gate.dtype != mx.float32 or x.dtype != mx.float32:
        return swiglu(gate, x)
    mx.eval(gate, x)
    gates = np.array(gate, copy=False)
    out = np.negative(gates)
    with np.errstate(over="ignore"):  # infinity is right: the gate is shut
        np.exp(out, out=out)
    out += 1
    np.divide(gates, out, out=out)
    out *= np.array(x, copy=False)
    return mx.array(out)


def _modules(model: nn.Module) -> list[ModuleType]:
    return [sys.modules[name] for name in {type(part).__module__ for part in model.modules()}]
