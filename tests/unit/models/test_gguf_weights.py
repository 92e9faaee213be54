"""Repacking loses nothing: what MLX would compute from the packed form is what GGUF's own reader computes."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from numpy.typing import NDArray

from models.errors import ModelRefused
from models.gguf_weights import GROUP, Weight, repack, unpermuted_rows

RANDOM = np.random.default_rng(7)


def dequantised(weight: Weight) -> NDArray[np.float32]:
    """MLX's affine rule, spelled out: unpack lowest bits first, then scale * q + bias by groups."""
    assert weight.scales is not None
    assert weight.biases is not None
    shifts = np.arange(0, 32, weight.bits, dtype=np.uint32)
    words = weight.values.view(np.uint32)
    values = (words[..., None] >> shifts) & np.uint32(2**weight.bits - 1)
    groups = values.reshape(len(weight.values), -1, GROUP).astype(np.float32)
    scaled = groups * weight.scales.astype(np.float32)[..., None] + weight.biases.astype(np.float32)[..., None]
    return scaled.reshape(len(weight.values), -1).astype(np.float32)


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0"])
def test_repacked_weights_are_the_same_numbers(kind: str) -> None:
    data = quants.quantize(RANDOM.standard_normal((12, 96), dtype=np.float32) * 3, GGMLQuantizationType[kind])
    weight = repack(data, kind)

    assert weight.values.dtype == np.uint32
    assert weight.values.shape == (12, 96 * weight.bits // 32)
    np.testing.assert_array_equal(dequantised(weight), quants.dequantize(data, GGMLQuantizationType[kind]))


def test_every_eight_bit_value_survives() -> None:
    scale = np.float16(0.25).reshape(1).view(np.uint8)
    rows = [np.concatenate([scale, np.arange(start, start + GROUP).astype(np.uint8)]) for start in range(0, 256, GROUP)]
    weight = repack(np.stack(rows), "Q8_0")

    np.testing.assert_array_equal(dequantised(weight).ravel(), np.arange(256).astype(np.int8) * np.float32(0.25))


def test_full_size_numbers_become_float16_only_if_that_loses_nothing() -> None:
    exact, fine, huge = (np.array([x], dtype=np.float32) for x in (1.5, 1.0001, 1e6))

    assert [repack(x, "F32").values.dtype for x in (exact, fine, huge)] == [np.float16, np.float32, np.float32]


def test_rows_come_back_into_the_order_that_they_had_before_llama_cpp_permuted_them() -> None:
    heads, head_size = 3, 8
    rows = np.arange(heads * head_size)
    permuted = rows.reshape(heads, 2, head_size // 2).swapaxes(1, 2).reshape(-1)

    assert not np.array_equal(permuted, rows)
    np.testing.assert_array_equal(permuted[unpermuted_rows(len(rows), heads)], rows)


def test_a_kind_that_cannot_be_repacked_exactly_is_refused() -> None:
    with pytest.raises(ModelRefused, match="Q6_K tensors"):
        repack(np.zeros((1, 210), dtype=np.uint8), "Q6_K")
