"""Masks: which of a vocabulary's tokens may come, a bit each, as `Constraint.allowed` has them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.int32]
WORD_BITS = 32


def mask_of(tokens: Iterable[int], vocab_size: int) -> Mask:
    """The mask of just these tokens."""
    bits = np.zeros(-(-vocab_size // WORD_BITS) * WORD_BITS, np.uint8)
    bits[list(tokens)] = 1
    return np.packbits(bits, bitorder="little").view(np.int32)


def has(mask: Mask, token: int) -> bool:
    return bool(mask[token // WORD_BITS] >> (token % WORD_BITS) & 1)
