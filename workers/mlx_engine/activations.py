"""The gate of a CPU's feed-forward layers in powers of two: MLX's sigmoid takes four times as long as its power."""

import sys

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models import activations

_NAME = "swiglu"
_original = activations.swiglu
_MINUS_LOG2_E = -1.4426950408889634


def hasten(model: nn.Module) -> None:
    """Let this model's layers, and all others of the same modules, compute what they call swiglu by `swiglu`."""
    for name in {type(part).__module__ for part in model.modules()}:
        module = sys.modules[name]
        if getattr(module, _NAME, None) is _original:
            setattr(module, _NAME, swiglu)


def swiglu(gate: mx.array, x: mx.array) -> mx.array:
    """silu(gate) * x, in the type of the two."""
    return gate / (1.0 + mx.power(2.0, gate * _MINUS_LOG2_E)) * x
