"""Passes of several tokens in few shapes, since CUDA gets ready for each shape that it hasn't seen.

cuDNN plans every shape of queries and keys anew: 50 to 85 ms on an H100, where the attention itself of a prompt of 25
tokens takes 1 ms in 32 layers. So queries and keys are filled up to a few lengths, all of which can be run beforehand,
and a bias hides what they were filled up with. cuBLAS looks up each number of rows that a product has: 4 to 6 ms each.
So passes are filled up, too.
"""

from collections.abc import Iterator

import mlx.core as mx
import numpy as np

_SHORTEST = 16
_FEWEST_COLUMNS = 256
_FEW_ROWS = 64
"""A pass over the weights takes no longer for so many rows than for one."""
_HIDDEN = -30_000.0
"""Added to a score, makes its weight zero. A number in every format, where infinity makes NaN of a hidden block."""


def filled_up(tokens: int) -> int:
    """The length that so many queries are filled up to."""
    return next(size for size in lengths() if size >= tokens)


def filled_up_rows(rows: int) -> int:
    """The number of rows that a pass of so many is filled up to: a multiple of 64, or of 128 where they are many."""
    step = _FEW_ROWS if rows <= _FEW_ROWS * 8 else 2 * _FEW_ROWS
    return -(-rows // step) * step


def lengths() -> Iterator[int]:
    """The powers of two."""
    return _doublings(_SHORTEST)


def columns() -> Iterator[int]:
    """What keys are filled up to: the powers of two, and one size between each two."""
    for size in _doublings(_FEWEST_COLUMNS):
        yield size
        yield size + size // 2


def up_to(most: int, sizes: Iterator[int]) -> Iterator[int]:
    """The sizes up to the first one that holds so many."""
    for size in sizes:
        yield size
        if size >= most:
            return


def bias_of(allowed: mx.array, dtype: mx.Dtype) -> mx.array:
    """For `attend`, from (tokens, columns) that says which columns each token sees; itself filled up."""
    tokens, seen = allowed.shape
    length = filled_up(tokens)
    width = next(size for size in columns() if size >= max(length, seen))
    allowed = mx.pad(allowed[_filling(tokens, length)], [(0, 0), (0, width - seen)])
    return mx.where(allowed, 0.0, _HIDDEN).astype(dtype)[None, None]


def attend(queries: mx.array, keys: mx.array, values: mx.array, bias: mx.array, scale: float) -> mx.array:
    """Of queries (tokens, heads, 1, width), keys and values (1, KV heads, columns, width); (tokens, heads, width)."""
    tokens = queries.shape[0]
    length, width = bias.shape[2:]
    asked = queries[_filling(tokens, length)].transpose(2, 1, 0, 3)
    keys, values = (_with_columns(held, width) for held in (keys, values))
    out = mx.fast.scaled_dot_product_attention(asked, keys, values, scale=scale, mask=bias)
    return out[0, :, :tokens].swapaxes(0, 1)


class FewShapes:
    """Of several new tokens of a lone row, whose guesses are checked."""

    def __init__(self) -> None:
        self._last: tuple[mx.array, mx.array] | None = None
        """A mask and its bias: all layers of a pass have the same."""

    def attend(self, queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array, scale: float) -> mx.array:
        """As the protocol says (workers.mlx_engine.attention.SeveralAttention)."""
        if self._last is None or self._last[0] is not mask:
            self._last = mask, bias_of(mask.reshape(mask.shape[-2:]), queries.dtype)
        out = attend(queries.transpose(2, 1, 0, 3), keys, values, self._last[1], scale)
        return out.swapaxes(0, 1)[None]


def _filling(tokens: int, length: int) -> mx.array:
    """Which tokens to take for so many: all, and the last one over and over, whose output is taken once."""
    return mx.array(np.minimum(np.arange(length), tokens - 1).astype(np.int32))


def _with_columns(held: mx.array, width: int) -> mx.array:
    """Copied, and filled up with zeros: their strides are a shape's too."""
    missing = width - held.shape[2]
    return mx.pad(held, [(0, 0), (0, 0), (0, missing), (0, 0)]) if missing else mx.contiguous(held)


def _doublings(least: int) -> Iterator[int]:
    while True:
        yield least
        least *= 2
