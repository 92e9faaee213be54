"""Decoding through an attention of our own gives what the model's masked attention gives, on every path of the seam."""

from pathlib import Path
from typing import Any

import pytest

from tests.mlx.driving import alone, run, sequence, words
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.attention import NewTokens, reroute
from workers.mlx_engine.attention_choice import kv_rows, trial
from workers.mlx_engine.attention_cpu import CpuAttention
from workers.mlx_engine.attention_matmul import MatmulAttention
from workers.mlx_engine.device import Device
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.row_copy_cpu import CpuRowCopy
from workers.mlx_engine.slots import SlotKVCache
from workers.sequence import Sequence

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx_lm.models import base, llama  # isort: skip
from mlx_lm.models.cache import KVCache, make_prompt_cache  # isort: skip

CPU = Device("cpu", "this one", 1)


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's module gets its own attention back."""
    monkeypatch.setattr(llama, "scaled_dot_product_attention", llama.scaled_dot_product_attention)


class Counting(MatmulAttention):
    """Counts how often it is used."""

    def __init__(self) -> None:
        self.calls = 0

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        self.calls += 1
        return super().attend(queries, tokens, scale)


class Wrong(MatmulAttention):
    """Off by a twentieth."""

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        return super().attend(queries, tokens, scale) * 1.05


class NotANumber(MatmulAttention):
    """Gives a NaN in the first layer, and what is right in the others."""

    def __init__(self) -> None:
        self.first = True

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        first, self.first = self.first, False
        return super().attend(queries, tokens, scale) * (float("nan") if first else 1)


class Broken(MatmulAttention):
    """Can't be used on this device."""

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:  # noqa: ARG002
        raise RuntimeError("no such instruction")


def _unlike(count: int) -> list[Sequence]:
    return [sequence(f"s{i}", words(i, 3 + 31 * i % 300), max_tokens=30 - i % 7) for i in range(count)]


def _through(engine: MlxEngine, attention: MatmulAttention) -> MlxEngine:
    reroute(engine._loaded.model)
    engine._batch.kv = KVRows(attention)
    return engine


def test_rows_of_all_lengths_get_the_tokens_that_masked_attention_gives(tiny: MlxEngine) -> None:
    expected = run(tiny, _unlike(12))
    counting = Counting()

    got = run(_through(tiny, counting), _unlike(12))

    # One call a layer and step: the first token comes from the prefill, the next one from a pass of NumPy's.
    assert (got, counting.calls) == (expected, 2 * 28)


def test_joining_and_leaving_changes_nobody_elses_tokens(tiny: MlxEngine) -> None:
    expected = alone(tiny, _unlike(8))
    joins = {"s2": 4, "s5": 1, "s6": 9, "s7": 3}

    got = run(_through(tiny, MatmulAttention()), _unlike(8), joins=joins)

    assert got == expected


def test_a_layer_with_a_mask_of_its_own_keeps_it(tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As layers do that attend to a window over plain caches."""
    own_mask = SlotKVCache.make_mask
    monkeypatch.setattr(SlotKVCache, "make_mask", lambda self, new, **_: own_mask(self, new, window_size=50))
    long = [sequence(f"s{i}", words(i, length)) for i, length in enumerate((60, 61, 300))]
    expected = run(tiny, long)
    counting = Counting()

    for one in long:
        one.output.clear()
    got = run(_through(tiny, counting), long)

    assert (got, counting.calls) == (expected, 0)


def test_attention_sinks_are_left_to_the_model_with_the_rows_bounds(tiny: MlxEngine) -> None:
    rows = _joined(tiny, MatmulAttention(), (5, 9))
    slots = rows.caches[0]
    random = [mx.random.normal((2, heads, 1, 8), key=mx.random.key(heads)) for heads in (6, 2, 3)]
    query, key, value = random[0], random[1], random[2][:, :2]
    sinks = mx.array([0.5] * 6)
    tokens, _ = slots.update_and_fetch(key, value)

    got = llama.scaled_dot_product_attention(query, tokens, tokens, cache=slots, scale=0.3, mask=None, sinks=sinks)

    held = slots.keys[:2, :, :10], slots.values[:2, :, :10]
    mask = mx.array([[False] * 4 + [True] * 6, [True] * 10])[:, None, None]
    wanted = mx.fast.scaled_dot_product_attention(query, *held, scale=0.3, mask=mask, sinks=sinks)
    assert mx.allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_who_does_not_decode_through_slots_gets_what_mlx_lm_computes(tiny: MlxEngine) -> None:
    model = tiny._loaded.model
    wanted = model(mx.array([[5, 6, 7]]), cache=make_prompt_cache(model))

    reroute(model)
    got = model(mx.array([[5, 6, 7]]), cache=make_prompt_cache(model))

    assert llama.scaled_dot_product_attention is not base.scaled_dot_product_attention
    assert mx.array_equal(got, wanted)


def test_the_trial_passes_an_attention_that_is_right_and_says_what_is_wrong_with_another(tiny: MlxEngine) -> None:
    model = tiny._loaded.model

    assert [trial(model, attention) for attention in (MatmulAttention(), Wrong(), NotANumber())] == [
        None,
        "its outputs are off by 0.050",
        "its outputs are off by nan",
    ]


def test_the_trial_finds_a_model_that_does_not_attend_through_the_seam(
    tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attend(queries: mx.array, keys: Any, values: Any, **_: Any) -> mx.array:
        return queries

    monkeypatch.setattr(llama, "scaled_dot_product_attention", attend)

    assert trial(tiny._loaded.model, MatmulAttention()) == "0 of 2 layers attended through it"


def test_the_trial_lets_an_attention_that_cannot_run_raise(tiny: MlxEngine) -> None:
    with pytest.raises(RuntimeError, match="no such instruction"):
        trial(tiny._loaded.model, Broken())


def test_a_model_with_sliding_windows_passes_the_trial_with_its_plain_layers(tmp_path: Path) -> None:
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    folder = write_tiny_llama(tmp_path, layers=3, layer_types=kinds, sliding_window=16)
    engine = MlxEngine(folder, device="cpu")

    assert trial(engine._loaded.model, MatmulAttention()) is None


def test_on_the_cpu_rows_attend_and_move_in_its_own_ways(tiny: MlxEngine) -> None:
    rows = kv_rows(tiny._loaded.model, CPU)

    assert isinstance(rows.attention, CpuAttention)
    assert isinstance(rows._row_copy, CpuRowCopy)


def _joined(engine: MlxEngine, attention: MatmulAttention, lengths: tuple[int, ...]) -> KVRows:
    reroute(engine._loaded.model)
    rows = KVRows(attention)
    for length in lengths:
        caches: list[KVCache] = make_prompt_cache(engine._loaded.model)
        mx.eval(engine._loaded.model(mx.arange(length)[None], cache=caches))
        rows.join(caches, length)
    return rows
