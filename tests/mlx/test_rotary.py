"""Rotary positions from tables that layers share: the same numbers as MLX's own, to the last bit."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.models.rope_utils import Llama3RoPE

from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.device import choose
from workers.mlx_engine.load import load
from workers.mlx_engine.rotary import CpuRope, share_rotations

SCALING = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
ROPES = {
    "plain": lambda: nn.RoPE(64, base=1e5),
    "a part of the width": lambda: nn.RoPE(16, base=1e4),
    "scaled": lambda: nn.RoPE(64, base=1e4, scale=0.25),
    "Llama 3": lambda: Llama3RoPE(64, base=5e5, scaling_config=SCALING),
}


@pytest.fixture(autouse=True)
def _on_the_cpu() -> None:
    choose("cpu")


class Layers(nn.Module):  # type: ignore[misc]
    def __init__(self, *ropes: nn.Module) -> None:
        super().__init__()
        self.layers = [_Layer(rope) for rope in ropes]


class _Layer(nn.Module):  # type: ignore[misc]
    def __init__(self, rope: nn.Module) -> None:
        super().__init__()
        self.rope = rope


def rows(count: int, tokens: int = 1, heads: int = 3) -> mx.array:
    """(rows, heads, tokens, 64), as a layer hands them over: turned, not copied."""
    return mx.random.normal((count, tokens, heads, 64)).transpose(0, 2, 1, 3)


@pytest.mark.parametrize("kind", ROPES)
@pytest.mark.parametrize(
    ("x", "offset"),
    [
        (rows(1, 7), 0), (rows(1, 7), 300), (rows(4), mx.array([0, 5, 5, 4000])), (rows(2, 3), mx.array([9, 1])),
        (rows(1), mx.array(12)), (rows(1), mx.array([12])),
    ],
    ids=["start", "later", "rows", "several of each row", "one number", "one row"],
)  # fmt: skip
def test_it_gives_what_mlx_gives_to_the_last_bit(kind: str, x: mx.array, offset: Any) -> None:
    plain, model = ROPES[kind](), Layers(ROPES[kind]())
    share_rotations(model)
    shared = model.layers[0].rope

    assert isinstance(shared, CpuRope)
    assert mx.array_equal(shared(x, offset=offset), plain(x, offset=offset))


@pytest.mark.parametrize("rope", [nn.RoPE(64, traditional=True), nn.Identity()])
def test_what_is_not_known_stays(rope: nn.Module) -> None:
    model = Layers(rope)
    share_rotations(model)

    assert model.layers[0].rope is rope


def test_halves_are_left_to_mlx() -> None:
    model, x = Layers(nn.RoPE(64)), rows(2).astype(mx.bfloat16)
    share_rotations(model)
    offset = mx.array([3, 40])

    assert mx.array_equal(model.layers[0].rope(x, offset=offset), nn.RoPE(64)(x, offset=offset))


def test_sines_are_computed_once_for_all_layers_of_a_pass_and_anew_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Layers(nn.RoPE(64), nn.RoPE(64), nn.RoPE(64, base=500))
    share_rotations(model)
    sines, computed = mx.sin, []

    def counting(angles: mx.array) -> mx.array:
        computed.append(angles.shape)
        return sines(angles)

    monkeypatch.setattr(mx, "sin", counting)
    for offset in (mx.array([3, 8]), mx.array([3, 8])):
        for layer in model.layers:
            layer.rope(rows(2), offset=offset)
            layer.rope(rows(2, heads=1), offset=offset)

    assert len(computed) == 4  # two kinds, two passes


def test_a_number_of_tokens_is_told_apart_where_the_first_position_is_the_same() -> None:
    model = Layers(nn.RoPE(64))
    share_rotations(model)
    for tokens in (1, 5, 1):
        x = rows(1, tokens)

        assert mx.array_equal(model.layers[0].rope(x, offset=7), nn.RoPE(64)(x, offset=7))


def test_an_array_that_was_counted_on_in_place_is_not_taken_for_the_one_before() -> None:
    model, offset = Layers(nn.RoPE(64)), mx.array([3, 8])
    share_rotations(model)
    for _ in range(3):
        for x in (rows(2), rows(2, heads=1)):
            assert mx.array_equal(model.layers[0].rope(x, offset=offset), nn.RoPE(64)(x, offset=offset))
        same = offset
        offset += 1  # as mlx-lm's batch caches do
        assert offset is same


def test_a_model_has_the_same_parameters_and_logits_as_before(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path / "tiny")
    plain, model = (load(folder, choose("cpu")).model for _ in range(2))
    share_rotations(model)
    prompt = mx.array([[5, 6, 7, 8, 9]])
    got, wanted = (one(prompt, cache=make_prompt_cache(one)) for one in (model, plain))

    assert sum(isinstance(part, CpuRope) for part in model.modules()) > 0
    assert np.array_equal(got, wanted)
    assert model.parameters().keys() == plain.parameters().keys()
