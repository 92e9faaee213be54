"""NumpyModel: what a loaded model is made of, as NumPy sees it, for families that are made as Llama's are.

It holds no copies: arrays are views of MLX's own buffers.
"""

from dataclasses import dataclass
from typing import Any, Self

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models import llama, qwen2, qwen3

from workers.mlx_engine.chosen_rows import ChosenRows
from workers.mlx_engine.gemm import Floats, view
from workers.mlx_engine.rotary import Way, way_of

FAMILIES = (llama.Model, qwen2.Model, qwen3.Model)
"""Known by name, since what a model does with far tokens can't be tried at load. Llama is Mistral and SmolLM2, too."""


@dataclass(frozen=True, slots=True)
class Product:
    weights: Floats
    """(outputs, inputs)"""
    bias: Floats | None

    @classmethod
    def of(cls, part: nn.Module) -> Self:
        # Layers that stand for another one, with adapters or packed weights, are classes of their own.
        if not isinstance(part, nn.Linear | nn.Embedding):
            raise ValueError(f"a {type(part).__name__} in the place of a product")  # noqa: TRY004
        return cls(_weights(part.weight), _weights(part.bias) if "bias" in part else None)


@dataclass(frozen=True, slots=True)
class Norm:
    weights: Floats
    eps: float

    @classmethod
    def of(cls, part: Any) -> Self:
        if type(part) is not nn.RMSNorm:
            raise ValueError(f"a {type(part).__name__} in the place of a norm")
        return cls(_weights(part.weight), part.eps)

    def __call__(self, x: Floats) -> Floats:
        """Of the last dimension."""
        mean = np.einsum("...i,...i->...", x, x)[..., None] / np.float32(x.shape[-1])
        normed: Floats = x / np.sqrt(mean + np.float32(self.eps))
        normed *= self.weights
        return normed


@dataclass(frozen=True, slots=True)
class Layer:
    before_attention: Norm
    attended: tuple[Product, Product, Product]
    """Queries, keys, values."""
    norms: tuple[Norm, Norm] | None
    """Of each head's queries and keys, before their rotation."""
    out: Product
    before_feed_forward: Norm
    gate: Product
    up: Product
    down: Product

    @classmethod
    def of(cls, layer: Any) -> Self:
        attention, forward = layer.self_attn, layer.mlp
        return cls(
            Norm.of(layer.input_layernorm),
            (Product.of(attention.q_proj), Product.of(attention.k_proj), Product.of(attention.v_proj)),
            (Norm.of(attention.q_norm), Norm.of(attention.k_norm)) if "q_norm" in attention else None,
            Product.of(attention.o_proj),
            Norm.of(layer.post_attention_layernorm),
            *(Product.of(part) for part in (forward.gate_proj, forward.up_proj, forward.down_proj)),
        )


@dataclass(frozen=True, slots=True)
class NumpyModel:
    embedding: Floats
    """(vocabulary, width of a token)"""
    layers: list[Layer]
    norm: Norm
    head: Product
    heads: int
    kv_heads: int
    width: int
    """Of a head."""
    scale: float
    """Of scores."""
    way: Way
    """Of rotation."""

    @classmethod
    def of(cls, model: Any) -> Self:
        """ValueError where it is of another family, or its weights aren't float32."""
        if type(model) not in FAMILIES:
            raise ValueError(f"{type(model).__module__} isn't made as Llama is")
        inner = model.model
        attention = inner.layers[0].self_attn
        way = way_of(attention.rope)
        width = attention.k_proj.weight.shape[0] // attention.n_kv_heads
        if way is None or way.dims != width:
            raise ValueError("its way of rotating is another one")
        return cls(
            _weights(inner.embed_tokens.weight),
            [Layer.of(layer) for layer in inner.layers],
            Norm.of(inner.norm.norm if isinstance(inner.norm, ChosenRows) else inner.norm),
            Product.of(inner.embed_tokens if model.args.tie_word_embeddings else model.lm_head),
            attention.n_heads,
            attention.n_kv_heads,
            width,
            attention.scale,
            way,
        )


def _weights(array: mx.array) -> Floats:
    if array.dtype != mx.float32:
        raise ValueError(f"weights of {array.dtype}")
    return view(array)
