"""Blocks: the form in which keys and values of 256 tokens leave the device for the disk, and come back."""

from collections.abc import Iterable
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache

from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS
from workers.mlx_engine.prompt_cache_pieces import KVPiece, is_plain
from workers.mlx_engine.prompt_cache_tree import Part

_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32}
"""numpy has no bfloat16; what the bits mean is the model's business."""


@dataclass(frozen=True, slots=True)
class ArrayForm:
    """Of the keys, or the values, of one layer: (1, heads, tokens, width)."""

    heads: int
    width: int
    dtype: mx.Dtype

    @classmethod
    def of(cls, array: mx.array) -> "ArrayForm":
        return cls(array.shape[1], array.shape[3], array.dtype)

    @property
    def nbytes(self) -> int:
        return self.heads * BLOCK_TOKENS * self.width * self.dtype.size

    def __str__(self) -> str:
        return f"{self.heads}x{self.width} {self.dtype}"


@dataclass(frozen=True, slots=True)
class BlockForm:
    """The arrays of a block, one behind the other: each layer's keys, then its values."""

    arrays: tuple[ArrayForm, ...]

    @classmethod
    def of(cls, model: nn.Module) -> "BlockForm":
        """Of the layers that keep all tokens, found by running one token through the model."""
        caches = make_prompt_cache(model)
        mx.eval(model(mx.array([[0]], mx.uint32), cache=caches))
        plain = [cache for cache in caches if is_plain(cache)]
        return cls.of_arrays([array for cache in plain for array in (cache.keys, cache.values)])

    @classmethod
    def of_arrays(cls, arrays: Iterable[mx.array]) -> "BlockForm":
        """Of each layer's keys and values, of however many tokens."""
        return cls(tuple(map(ArrayForm.of, arrays)))

    @property
    def nbytes(self) -> int:
        return sum(form.nbytes for form in self.arrays)

    def __str__(self) -> str:
        return ", ".join(map(str, self.arrays))

    def views(self, payload: np.ndarray) -> list[np.ndarray]:
        """Each array's bits as a view of the block's (nbytes,) bytes: (heads, tokens, width)."""
        views, at = [], 0
        for form in self.arrays:
            bits = payload[at : at + form.nbytes].view(_BITS[form.dtype.size])
            views.append(bits.reshape(form.heads, BLOCK_TOKENS, form.width))
            at += form.nbytes
        return views

    def piece(self, payload: np.ndarray, start: int, stop: int) -> KVPiece:
        """The block's tokens from `start` to `stop`, copied to the device."""
        arrays = [
            mx.array(bits[None, :, start:stop]).view(form.dtype)
            for bits, form in zip(self.views(payload), self.arrays, strict=True)
        ]
        mx.eval(arrays)
        pairs = tuple(zip(arrays[::2], arrays[1::2], strict=True))
        return KVPiece(pairs, sum(array.nbytes for array in arrays))


class BlockCopy:
    """A block on its way from the tree's pieces into memory of its own, array by array."""

    def __init__(self, form: BlockForm, parts: list[Part[KVPiece]]) -> None:
        """`parts` make up the block's tokens; they are held until it is done, whatever is evicted meanwhile."""
        self.payload = np.empty(form.nbytes, np.uint8)
        self._views = form.views(self.payload)
        self._parts = parts
        self._done = 0

    @property
    def is_done(self) -> bool:
        return self._done == len(self._views)

    def advance(self, most_bytes: int) -> int:
        """Copy at least one array, and more up to so many bytes; return how many that were."""
        copied = 0
        while not self.is_done and (copied == 0 or copied + self._views[self._done].nbytes <= most_bytes):
            self._copy(self._done)
            copied += self._views[self._done].nbytes
            self._done += 1
        return copied

    def _copy(self, number: int) -> None:
        view, at = self._views[number], 0
        layer, is_values = divmod(number, 2)
        for part in self._parts:
            count = part.stop - part.start
            bits = _bits(part.piece.layers[layer][is_values], view.dtype)
            view[:, at : at + count] = bits[:, part.start : part.stop]
            at += count


def _bits(array: mx.array, dtype: np.dtype) -> np.ndarray:
    """(heads, tokens, width): the array's own memory where the device shares it with us. It is computed already."""
    _, heads, tokens, width = array.shape
    memory = memoryview(array)  # type: ignore[arg-type]
    if not memory.c_contiguous:
        memory = memoryview(mx.contiguous(array))  # type: ignore[arg-type]
    return np.frombuffer(memory, dtype).reshape(heads, tokens, width)
