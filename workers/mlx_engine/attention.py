"""The seam where attention leaves mlx-lm's models for one that knows rows of uneven length, and rows of one prompt.

mlx-lm's models hand what `cache.update_and_fetch` returns straight to a function that each model's module imports by
name. Two things follow. The cache may return something other than arrays: tokens that are not stored yet, so that one
kernel can store and attend (MLX itself has no write in place, and copies the whole buffer where an earlier step may
still be reading it, which in a pipelined loop is always). And to be reached, that name has to be replaced in the
modules of the loaded model. The replacement does what the original does with arrays, so other users of the same modules
see no difference; a model that attends in some other way fails loudly on unstored tokens, which `attention_choice`
finds out before the model serves anybody.
"""

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models import base

_NAME = "scaled_dot_product_attention"
_original = base.scaled_dot_product_attention


class Slots(Protocol):
    """What an attention needs of a layer's cache: buffers (capacity, KV heads, columns, width) and who owns what.

    There is room for the new tokens.
    """

    keys: mx.array
    values: mx.array

    @property
    def padding(self) -> mx.array:
        """(rows,) int32: the column at which each row starts."""

    @property
    def offsets(self) -> mx.array:
        """(rows,) int32: how many columns each row has, so far; all rows end at the same column."""

    def zeros(self, count: int) -> mx.array:
        """At least so many int32, all 0, for whoever leaves them so; each layer's own, since layers might run side by
        side."""

    def write(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Store tokens of all rows behind the others; return everything stored, (rows, KV heads, columns, width)."""

    def owned(self) -> mx.array | None:
        """(rows, 1, 1, end + 1), true where a row may attend in this step; None if everywhere."""


class DecodeAttention(Protocol):
    """Attention of one new token a row to its own row, itself included."""

    def attend(self, queries: mx.array, tokens: "NewTokens", scale: float) -> mx.array:
        """From queries (rows, heads, 1, width) to outputs of that shape; stores the tokens."""


class SeveralAttention(Protocol):
    """Attention of several new tokens of a row that is alone."""

    def attend(self, queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array, scale: float) -> mx.array:
        """From queries (1, heads, tokens, width) to outputs of that shape.

        Keys and values are (1, KV heads, columns, width), and `mask` (tokens, columns), or with ones before, is true
        where a token sees a column.
        """


class UnstoredTokens(ABC):
    """What a cache may hand to the model's attention in the place of keys, and again in that of values."""

    __slots__ = ()

    @abstractmethod
    def attended(self, queries: mx.array, scale: float, mask: Any, sinks: mx.array | None) -> mx.array:
        """From queries (rows, heads, new tokens, width) to outputs of that shape; stores what is not stored yet."""


class PlainTokens(UnstoredTokens):
    """Of layers that leave it to their cache who attends to what."""

    __slots__ = ()

    def attended(self, queries: mx.array, scale: float, mask: Any, sinks: mx.array | None) -> mx.array:
        if mask is not None or sinks is not None:
            raise ValueError("a layer attends in a way of its own")
        return self.attended_plainly(queries, scale)

    @abstractmethod
    def attended_plainly(self, queries: mx.array, scale: float) -> mx.array:
        """As `attended`."""


class PlainLayer:
    """What caches of such layers say of masks."""

    __slots__ = ()

    def make_mask(self, N: int, return_array: bool = False, window_size: int | None = None) -> None:  # noqa: FBT001, FBT002, N803
        """None: who attends to what is known by the cache."""
        if N != 1 or return_array or window_size is not None:
            raise ValueError("a layer wants a mask of its own")


@dataclass(frozen=True, slots=True)
class NewTokens(UnstoredTokens):
    """One token a row, keys and values (rows, KV heads, 1, width), to be stored in `slots` by whoever attends."""

    slots: Slots
    keys: mx.array
    values: mx.array
    attention: DecodeAttention

    def attended(self, queries: mx.array, scale: float, mask: Any, sinks: mx.array | None) -> mx.array:
        if mask is None and sinks is None:
            return self.attention.attend(queries, self, scale)
        # Without a mask the rows' own bounds still hold.
        mask = self.slots.owned() if mask is None else mask
        keys, values = self.slots.write(self.keys, self.values)
        out: mx.array = _original(queries, keys, values, cache=self.slots, scale=scale, mask=mask, sinks=sinks)
        return out


@dataclass(frozen=True, slots=True)
class SeveralTokens(UnstoredTokens):
    """Of a lone row whose new tokens are stored: everything so far, (1, KV heads, columns, width)."""

    cache: Any
    keys: mx.array
    values: mx.array
    attention: SeveralAttention

    def attended(self, queries: mx.array, scale: float, mask: Any, sinks: mx.array | None) -> mx.array:
        if sinks is None and isinstance(mask, mx.array):
            return self.attention.attend(queries, self.keys, self.values, mask, scale)
        out: mx.array = _original(
            queries, self.keys, self.values, cache=self.cache, scale=scale, mask=mask, sinks=sinks
        )  # fmt: skip
        return out


def reroute(model: nn.Module) -> None:
    """Let this model's layers, and all others of the same modules, attend through the seam."""
    for name in {type(part).__module__ for part in model.modules()}:
        module = sys.modules[name]
        if getattr(module, _NAME, None) is _original:
            setattr(module, _NAME, attend)


def attend(  # noqa: PLR0913, PLR0917 (mlx-lm's signature)
    queries: mx.array,
    keys: Any,
    values: Any,
    cache: Any,
    scale: float,
    mask: Any,
    sinks: mx.array | None = None,
) -> Any:
    """What the models call instead of mlx-lm's function."""
    if isinstance(keys, UnstoredTokens):
        return keys.attended(queries, scale, mask, sinks)
    return _original(queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks)
