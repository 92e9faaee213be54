"""Masks: which tokens the constrained rows of a step may get, applied on the device."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Self

import mlx.core as mx
import numpy as np

from workers.constraint_mask import WORD_BITS, Mask


@dataclass(frozen=True, slots=True)
class Masks:
    """`words` (rows, words): a bit for each token that may come, as `Constraint.allowed` has them."""

    rows: tuple[int, ...]
    """Indices into the batch."""
    words: Mask

    @classmethod
    def of(cls, allowed: Rows[Mask | None]) -> Self | None:
        """From one mask a row of the batch, all of the same length; None where all rows are free."""
        rows = tuple(row for row, mask in enumerate(allowed) if mask is not None)
        masks = [mask for mask in allowed if mask is not None]
        return cls(rows, np.stack(masks)) if masks else None

    def apply(self, logits: mx.array) -> mx.array:
        """Logits (batch rows, vocabulary), minus infinity where a token may not come.

        Tokens beyond the mask may not: models have room for more than their tokenizers know.
        """
        allowed = self._unpacked(logits.shape[-1])
        if len(self.rows) == logits.shape[0]:
            return mx.where(allowed, logits, -mx.inf)
        index = mx.array(self.rows, mx.uint32)
        logits[index] = mx.where(allowed, logits[index], -mx.inf)
        return logits

    def _unpacked(self, width: int) -> mx.array:
        """As bools (rows, width)."""
        if mx.default_device() == mx.cpu:
            # Half the time of shifting bits there; to a GPU it would be eight times as much to copy.
            bits = np.unpackbits(self.words.view(np.uint8), axis=1, bitorder="little")[:, :width]
            flat = mx.array(bits.astype(np.bool_))
        else:
            words = mx.array(self.words.view(np.uint32))
            shifted = (words[:, :, None] >> mx.arange(WORD_BITS, dtype=mx.uint32)) & 1
            flat = shifted.reshape(words.shape[0], -1)[:, :width].astype(mx.bool_)
        missing = width - flat.shape[1]
        return mx.pad(flat, [(0, 0), (0, missing)]) if missing else flat
