"""GGUF blocks to MLX's packed layout, number by number: both say w = scale * q + bias, in groups of 32."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelRefused

Array = NDArray[np.generic]

GROUP = 32
SCALE_BYTES = 2
"""GGUF keeps a block's scale and minimum as float16."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One matrix or vector; `bits` is 0 where it isn't quantised, and then there are no scales and biases.

    Quantised (rows, columns): values uint32 (rows, columns * bits / 32), lowest bits first; scales and biases
    float16 (rows, columns / 32).
    """

    values: Array
    bits: int = 0
    scales: Array | None = None
    biases: Array | None = None

    def reordered(self, rows: NDArray[np.intp]) -> "Weight":
        """The same weight with its rows in another order."""
        if self.scales is None or self.biases is None:
            return Weight(self.values[rows])
        return Weight(self.values[rows], self.bits, self.scales[rows], self.biases[rows])

    def tensors(self, name: str) -> dict[str, Array]:
        """As a safetensors file holds it, under `name`.weight, .scales and .biases."""
        if self.scales is None or self.biases is None:
            return {f"{name}.weight": self.values}
        return {f"{name}.weight": self.values, f"{name}.scales": self.scales, f"{name}.biases": self.biases}


def repack(data: Array, kind: str) -> Weight:
    """`data` is what the GGUF reader gives: (rows, bytes a row) uint8 for quantised kinds, else the numbers."""
    match kind:
        case "F32":
            return Weight(_half_where_exact(data))
        case "F16":
            return Weight(data)
        case "Q4_0":
            scales, packed = _split(data, 1, GROUP // 2)
            return Weight(_pack(_nibbles(packed)), 4, scales[0], scales[0] * np.float16(-8))
        case "Q4_1":
            scales, packed = _split(data, 2, GROUP // 2)
            return Weight(_pack(_nibbles(packed)), 4, scales[0], scales[1])
        case "Q8_0":
            scales, packed = _split(data, 1, GROUP)
            # int8 to uint8 by flipping the sign bit adds 128, which the bias takes away; times 128 is exact.
            values = np.ascontiguousarray(packed ^ np.uint8(0x80)).reshape(len(packed), -1)
            return Weight(values.view("<u4"), 8, scales[0], scales[0] * np.float16(-128))
    raise ModelRefused(f"it holds {kind} tensors; Pensieve converts F32, F16, Q4_0, Q4_1 and Q8_0")


def unpermuted_rows(rows: int, heads: int) -> NDArray[np.intp]:
    """Where each q or k row lies in llama.cpp's file: it interleaves the two halves of every head for its rope."""
    return np.arange(rows).reshape(heads, rows // heads // 2, 2).swapaxes(1, 2).reshape(rows)


def _split(data: Array, scale_count: int, value_bytes: int) -> tuple[list[NDArray[np.float16]], NDArray[np.uint8]]:
    """Scales, each (rows, groups) float16, and values (rows, groups, value_bytes) uint8."""
    head = scale_count * SCALE_BYTES
    blocks = data.reshape(len(data), -1, head + value_bytes)
    scales = np.ascontiguousarray(blocks[..., :head]).view("<f2")
    return [np.ascontiguousarray(scales[..., i]) for i in range(scale_count)], blocks[..., head:].view(np.uint8)


def _nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """GGUF keeps values 0..15 of a block in the low halves of its 16 bytes and 16..31 in the high ones."""
    return np.concatenate([packed & 0x0F, packed >> 4], axis=-1).reshape(len(packed), -1)


def _pack(values: NDArray[np.uint8]) -> Array:
    return np.ascontiguousarray(values[:, 0::2] | values[:, 1::2] << 4).view("<u4")


def _half_where_exact(data: Array) -> Array:
    """Norms stay float16 with the rest if that loses nothing; float32 ones would make every activation float32."""
    with np.errstate(over="ignore"):
        half = data.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), data) else data
