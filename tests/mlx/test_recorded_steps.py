"""Recorded steps, with an attention that any device can run: what they give, and what of them is kept."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from workers.mlx_engine import recorded_steps
from workers.mlx_engine.attention import NewTokens, reroute
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.recorded_steps import WORTH_IT, RecordedSteps, trial

# After the engine's package, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx_lm.models import llama  # isort: skip
from mlx_lm.models.cache import make_prompt_cache  # isort: skip


class Unstored:
    """Attends to what the rows brought and to the new token, which it doesn't store."""

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        slots = tokens.slots
        rows, heads, _, width = queries.shape
        columns = mx.arange(slots.keys.shape[2])
        start, stop = slots.padding[:, None], (slots.padding + slots.offsets)[:, None]
        own = (columns >= start) & (columns < stop)
        keys, values = (mx.concatenate([held[:rows], new], axis=2)
                        for held, new in ((slots.keys, tokens.keys), (slots.values, tokens.values)))  # fmt: skip
        shared = (queries * scale).reshape(rows, keys.shape[1], heads // keys.shape[1], width)
        mask = mx.pad(own, [(0, 0), (0, 1)], constant_values=True)[:, None, None]
        weights = mx.softmax(mx.where(mask, shared @ keys.swapaxes(-1, -2), -mx.inf), axis=-1)
        return (weights @ values).reshape(rows, heads, 1, width) + slots.zeros(rows).sum()


@pytest.fixture(autouse=True)
def _compiled() -> Iterator[None]:
    mx.enable_compile()
    yield
    mx.disable_compile()


@pytest.fixture
def model() -> llama.Model:
    args = llama.ModelArgs(
        model_type="llama", hidden_size=32, num_hidden_layers=2, intermediate_size=64, num_attention_heads=4,
        num_key_value_heads=2, rms_norm_eps=1e-5, vocab_size=64,
    )  # fmt: skip
    mx.random.seed(3)
    model = llama.Model(args)
    reroute(model)
    return model


def _rows(model: llama.Model, *lengths: int) -> KVRows:
    rows = KVRows(Unstored())
    for length in lengths:
        caches = make_prompt_cache(model)
        mx.eval(model(mx.arange(length)[None] % 64, cache=caches))
        rows.join(caches, length)
    return rows


def test_a_shape_that_comes_up_often_is_recorded_once_and_gives_the_same(
    model: llama.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    forward = llama.Model.__call__

    def counted(self: llama.Model, inputs: mx.array, cache: list[Any]) -> Any:
        called.append(1)
        return forward(self, inputs, cache=cache)

    monkeypatch.setattr(llama.Model, "__call__", counted)
    rows, steps = _rows(model, 5, 40, 3), RecordedSteps(model)
    called.clear()
    for number in range(WORTH_IT + 5):
        last = mx.array([number, 2, 7], mx.uint32)
        got, before = steps.logits(last, rows), len(called)
        assert mx.allclose(got, recorded_steps.plain(model, last, rows), atol=1e-5)
        del called[before:]
        rows.advance()

    assert len(called) == WORTH_IT


def test_other_rows_in_the_same_shape_are_taken_for_what_they_are(model: llama.Model) -> None:
    steps, last = RecordedSteps(model), mx.array([1, 2], mx.uint32)
    for lengths in ((5, 40), (30, 20), (3, 8)):
        rows = _rows(model, *lengths)
        for _ in range(WORTH_IT):
            assert mx.allclose(steps.logits(last, rows), recorded_steps.plain(model, last, rows), atol=1e-5)
            rows.advance()


@pytest.mark.parametrize("has_stepped", [False, True])
def test_a_shape_is_recorded_by_rows_that_have_been_through_a_step_in_it(model: llama.Model, has_stepped: bool) -> None:
    """What a step's kernels need is made by the first one of each shape."""
    steps = RecordedSteps(model)
    others = _rows(model, 3, 4)
    for _ in range(WORTH_IT - 1):
        mx.eval(steps.logits(mx.zeros((2,), mx.uint32), others))
    rows = _rows(model, 3)
    if has_stepped:
        mx.eval(steps.logits(mx.zeros((1,), mx.uint32), rows))
    caches = make_prompt_cache(model)
    mx.eval(model(mx.arange(4)[None], cache=caches))
    rows.join(caches, 4)

    for _ in range(3):
        last = mx.array([1, 2], mx.uint32)
        assert mx.allclose(steps.logits(last, rows), recorded_steps.plain(model, last, rows), atol=1e-5)
    assert len(steps._recorded) == 1


def test_a_recorded_step_holds_no_rows_and_the_least_used_is_forgotten(
    model: llama.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_steps, "KEPT", 2)
    steps = RecordedSteps(model)
    for count in (1, 2, 3):
        rows = _rows(model, *range(3, 3 + count))
        for _ in range(WORTH_IT + 1):
            mx.eval(steps.logits(mx.zeros((count,), mx.uint32), rows))
    held = weakref.ref(rows.caches[0])
    del rows
    gc.collect()

    assert held() is None
    assert [shape[0] for shape in steps._recorded] == [2, 3]
    assert {shape[0] for shape in steps._seen} == {2, 3}


def test_the_trial_passes_what_is_right_and_says_what_can_not_be_recorded(
    model: llama.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trial(model, KVRows(Unstored())) is None

    calls: list[int] = []
    forward = llama.Model.__call__

    def counting(self: llama.Model, inputs: mx.array, cache: list[Any]) -> Any:
        # As of a model that takes for a constant what isn't one.
        calls.append(1)
        return forward(self, inputs, cache=cache) + len(calls)

    monkeypatch.setattr(llama.Model, "__call__", counting)
    assert str(trial(model, KVRows(Unstored()))).startswith("its logits are off by")
