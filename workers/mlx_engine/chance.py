"""Chance: uniform numbers counted from (seed, position), so that a token's luck never depends on its neighbours."""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_BITS = 23
"""Of each number, so that the largest one times any float32 stays below that float32."""


def stream(seed: int) -> int:
    """Where the stream of a seed starts, as 64 bits; near seeds start far apart."""
    return int(_mix(np.array([(seed + _GOLDEN) & _MASK], np.uint64))[0])


def uniforms(streams: NDArray[np.uint64], positions: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Two independent numbers in [0, 1) for each row: (rows, 2).

    `positions` are the indices of the tokens to be drawn, in each row's own output.
    """
    bits = _mix(streams + positions * np.uint64(_GOLDEN))
    high = bits >> np.uint64(64 - _BITS)
    low = (bits >> np.uint64(64 - 2 * _BITS)) & np.uint64((1 << _BITS) - 1)
    return np.stack([high, low], axis=-1).astype(np.float32) / np.float32(1 << _BITS)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
