"""CpuRope: rotary positions on a CPU, their sines and cosines computed once a pass for all layers.

There MLX puts together each layer's rotation of queries, and again of keys, out of some 25 operations, among them
sines, cosines and powers of the same positions: 60 times a step with SmolLM2, a tenth of a lone row's time.
"""

import math
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_unflatten
from mlx_lm.models.rope_utils import Llama3RoPE

_ASKED_A_PASS = 2
"""Queries and keys."""


def share_rotations(model: nn.Module) -> None:
    """Let this model's layers rotate by tables that they share, those of them whose way of rotating is known here."""
    tables: dict[object, Tables] = {}
    known: list[tuple[str, nn.Module]] = []
    for path, part in model.named_modules():
        way = None if isinstance(part, CpuRope) else way_of(part)
        if way is not None:
            kind = way.dims, way.scale, np.array(way.frequencies).tobytes()
            if kind not in tables:
                tables[kind] = Tables(way)
            known.append((path, CpuRope(part, tables[kind])))
    model.update_modules(tree_unflatten(known))


@dataclass(frozen=True, slots=True)
class Way:
    """How a part rotates: the first `dims` of a head's width, each pair by its frequency (dims / 2,) a position."""

    dims: int
    scale: float
    """Of the positions."""
    frequencies: mx.array


def way_of(part: nn.Module) -> Way | None:
    """None for what is not known, or that turns neighbours."""
    if isinstance(part, CpuRope):
        return part.way
    if type(part) is nn.RoPE and not part.traditional:
        half = part.dims // 2
        frequencies = mx.exp(mx.arange(0, -half, -1, dtype=mx.float32) * (math.log(part.base) / half))
        return Way(part.dims, part.scale, frequencies)
    if type(part) is Llama3RoPE and not part.traditional:
        # What it calls frequencies are the positions of a turn's radian.
        return Way(part.dims, 1.0, mx.reciprocal(part._freqs))  # noqa: SLF001 (shown nowhere else)
    return None


class Tables:
    """Of the positions last asked for, which are those of the whole pass."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self._offset: int | mx.array | None = None
        self._tokens = 0
        self._asked: dict[int, int] = {}
        """How often each of the layers has, for these positions."""
        self._pair = (way.frequencies, way.frequencies)

    def of(self, offset: int | mx.array, tokens: int, layer: int) -> tuple[mx.array, mx.array]:
        """Cosines and sines, each (rows or 1, 1, tokens, dims), of the positions from `offset` on: one number, or
        (rows,). `layer` is any number of its own for each.

        Of the sines the first half is negative: it belongs to the other half of what is rotated.
        """
        # A layer that asks once more, beyond its queries and keys, does so in another pass: mlx-lm's caches count on in
        # one array, which is then the same and holds something else.
        is_next_pass = self._asked.get(layer, 0) == _ASKED_A_PASS
        if is_next_pass or tokens != self._tokens or not _same(offset, self._offset):
            start = offset[:, None, None] if isinstance(offset, mx.array) and offset.ndim else offset
            positions = (mx.arange(tokens, dtype=mx.float32) + start) * self.way.scale
            angles = positions[..., None] * self.way.frequencies
            cosines, sines = mx.cos(angles), mx.sin(angles)
            self._pair = mx.concatenate([cosines, cosines], axis=-1), mx.concatenate([-sines, sines], axis=-1)
            self._offset, self._tokens, self._asked = offset, tokens, {}
        self._asked[layer] = self._asked.get(layer, 0) + 1
        return self._pair


class CpuRope(nn.Module):  # type: ignore[misc]
    """Gives bit for bit what the part gives whose place it takes."""

    def __init__(self, rope: nn.Module, tables: Tables) -> None:
        super().__init__()
        # Not as a part of this one: nobody is to look for parts or parameters here.
        self._hidden = (rope, tables)

    @property
    def way(self) -> Way:
        return self._hidden[1].way

    def __call__(self, x: mx.array, offset: int | mx.array = 0) -> mx.array:
        """x is (rows, heads, tokens, width)."""
        rope, tables = self._hidden
        if x.dtype != mx.float32 or x.ndim != 4:
            plain: mx.array = rope(x, offset=offset)
            return plain
        cosines, sines = tables.of(offset, x.shape[2], id(self))
        half, dims = tables.way.dims // 2, tables.way.dims
        turned = x if dims == x.shape[3] else x[..., :dims]
        swapped = mx.concatenate([turned[..., half:], turned[..., :half]], axis=-1)
        turned = turned * cosines + swapped * sines
        return turned if dims == x.shape[3] else mx.concatenate([turned, x[..., dims:]], axis=-1)


def _same(one: Any, other: Any) -> bool:
    """Arrays are compared by who they are, since looking into them would wait for them."""
    return one is other or (isinstance(one, int) and isinstance(other, int) and one == other)
