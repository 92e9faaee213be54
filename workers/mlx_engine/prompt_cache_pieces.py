"""What the prompt cache holds of a model's layers: copies that share no memory with anything, and the way back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.cache import KVCache, RotatingKVCache, make_prompt_cache

from workers.mlx_engine.buffers import buffer_with
from workers.mlx_engine.layer_copy import Layer, LayerCopy, MlxLayerCopy, copied

COLUMNS = 256
"""Restored buffers are made large enough for the whole prompt, in steps of so many tokens."""


@dataclass(frozen=True, slots=True)
class KVPiece:
    """Keys and values, (1, heads, tokens, width) each, of some tokens in every layer that keeps all of them."""

    layers: tuple[tuple[mx.array, mx.array], ...]
    nbytes: int

    @classmethod
    def of(cls, layers: Iterable[Layer]) -> "KVPiece":
        own = tuple(layers)
        return cls(own, sum(keys.nbytes + values.nbytes for keys, values in own))


class Pieces:
    """Where pieces come from: `copy` makes all of them."""

    def __init__(self, copy: LayerCopy | None = None) -> None:
        """Without a `copy`, by MLX's operations."""
        self._copy: LayerCopy = copy or MlxLayerCopy()

    @property
    def is_ordered(self) -> bool:
        """As LayerCopy says."""
        return self._copy.is_ordered

    def cut(self, caches: Iterable[Any], start: int, stop: int) -> tuple[KVPiece, mx.array]:
        """The tokens from `start` to `stop` of a sequence's caches; and whether the last layer shows that no NaN and no
        infinity went in. Both are still being computed.

        What is wrong with a token in one layer is wrong with it in all layers above.
        """
        plain = [(cache.keys, cache.values) for cache in caches if is_plain(cache)]
        piece = KVPiece.of(self._copy.copy(plain, start, stop))
        is_sound = sum(((array * 0).sum() for pair in piece.layers[-1:] for array in pair), mx.array(0.0)) == 0
        mx.async_eval(piece.layers, is_sound)  # type: ignore[no-untyped-call]
        return piece, is_sound

    def split(self, piece: KVPiece, at: int) -> tuple[KVPiece, KVPiece]:
        """Before its token number `at`; neither part shares memory with the whole."""
        tokens = piece.layers[0][0].shape[2] if piece.layers else at
        first, second = (KVPiece.of(self._copy.copy(piece.layers, *part)) for part in ((0, at), (at, tokens)))
        mx.eval(first.layers, second.layers)
        return first, second


@dataclass(frozen=True, slots=True)
class LayerStates:
    """The states of the layers that can't be cut by tokens (windows, recurrent states), as of one position."""

    states: tuple[tuple[type[Any], Any], ...]
    """The kind of mlx-lm cache, and its state."""
    nbytes: int

    @classmethod
    def copied(cls, caches: Iterable[Any]) -> "LayerStates | None":
        """Copies, as Pieces cut them."""
        states = tuple((type(cache), _copied_state(_trimmed(cache))) for cache in caches if not is_plain(cache))
        arrays = [array for _, array in tree_flatten([state for _, state in states]) if isinstance(array, mx.array)]
        sound = [(array * 0).sum() == 0 for array in arrays]
        mx.eval(arrays, sound)
        if not all(flag.item() for flag in sound):
            return None
        return cls(states, sum(array.nbytes for array in arrays))

    def restored(self) -> list[Any]:
        """Caches of their own: they are written in place."""
        return [kind.from_state(_copied_state(state)) for kind, state in self.states]


def is_plain(cache: Any) -> bool:
    """It keeps every token, and what it keeps of one depends only on those before it."""
    return type(cache) is KVCache


def restored(
    model: nn.Module, length: int, pieces: tuple[KVPiece, ...], states: LayerStates | None, capacity: int
) -> list[Any]:
    """Caches of a sequence of which `length` tokens are computed, with room for `capacity`; more than `length`."""
    caches: list[Any] = make_prompt_cache(model)
    if length == 0:
        return caches
    others = iter(states.restored() if states is not None else ())
    plain = [layer for layer, cache in enumerate(caches) if is_plain(cache)]
    caches = [cache if is_plain(cache) else next(others) for cache in caches]
    for place, layer in enumerate(plain):
        pairs = [piece.layers[place] for piece in pieces]
        cache = caches[layer]
        cache.keys = _joined([keys for keys, _ in pairs], length, capacity)
        cache.values = _joined([values for _, values in pairs], length, capacity)
        cache.offset = length
    mx.eval([cache.state for cache in caches])
    return caches


def _joined(arrays: list[mx.array], length: int, capacity: int) -> mx.array:
    """One new buffer; the last array is used as far as the length goes."""
    before = sum(array.shape[2] for array in arrays[:-1])
    arrays = [*arrays[:-1], arrays[-1][:, :, : length - before]]
    if mx.default_device() == mx.cpu:
        # There joining takes four times as long: most of a long prompt's buffer is room.
        return buffer_with(arrays, capacity)
    _, heads, _, width = arrays[0].shape
    room = -(-capacity // COLUMNS) * COLUMNS - length
    # Never one array alone, which would come back as it is and not as a copy.
    return mx.concatenate([*arrays, mx.zeros((1, heads, room, width), arrays[0].dtype)], axis=2)


def _copied_state(state: Any) -> Any:
    return tree_map(lambda leaf: copied(leaf) if isinstance(leaf, mx.array) else leaf, state)


def _trimmed(cache: Any) -> Any:
    """A window's state, without the tokens that prefill left in front of it."""
    state = cache.state
    if type(cache) is not RotatingKVCache:
        return state
    keys, values, offset, keep, size, index = state
    if keep or index != keys.shape[2] or index <= size:
        return state
    return keys[:, :, -size:], values[:, :, -size:], offset, keep, size, size
