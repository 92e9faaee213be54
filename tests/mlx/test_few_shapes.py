"""Guesses are checked in shapes that are made ready for prompts anyway, and what is drawn stays the same."""

import random

import mlx.core as mx
import pytest

from tests.mlx.driving import plain_greedy, run, sequence
from tests.mlx.test_chunk_attention_cuda import shapes, share_passes
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.attention_choice import trial_of_several
from workers.mlx_engine.attention_cpu import CpuAttention
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.few_shapes import FewShapes, attend, bias_of
from workers.mlx_engine.kv_rows import KVRows


@pytest.fixture
def guessing(tmp_path_factory: pytest.TempPathFactory) -> MlxEngine:
    """With all that CUDA has instead of its own attention."""
    folder = write_tiny_llama(tmp_path_factory.mktemp("model") / "tiny")
    engine = MlxEngine(folder, device="cpu", speculate=True)
    engine._batch.kv = KVRows(CpuAttention(), None, FewShapes())
    share_passes(engine)
    return engine


def test_checks_ask_for_nothing_that_was_not_made_ready_for_prompts(
    guessing: MlxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = [5, 6, 7, 8, 9, 10, 11, 12] * 30
    expected = plain_greedy(guessing._loaded.model, prompt, 90)
    with shapes(monkeypatch) as ready:
        list(guessing.prepare(700, 8))

    with shapes(monkeypatch) as asked:
        got = run(guessing, [sequence("a", prompt, max_tokens=90)])

    assert got["a"] == expected
    assert asked <= ready
    assert guessing._batch.speculation is not None
    checks = [queries for queries, _, _, hides in asked if hides != "causal"]
    assert checks
    assert isinstance(guessing._batch.kv, KVRows)
    assert isinstance(guessing._batch.kv._several, FewShapes)
    assert guessing._batch.kv._several._last is not None  # guesses were checked through it


def test_a_model_that_gets_other_outputs_is_found_out(guessing: MlxEngine) -> None:
    class Deaf(FewShapes):
        def attend(self, queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array, scale: float) -> mx.array:
            return super().attend(queries, keys, values * 0, mask, scale)

    assert trial_of_several(guessing._loaded.model, FewShapes()) is None
    assert trial_of_several(guessing._loaded.model, Deaf()) is not None


@pytest.mark.parametrize("seed", range(6))
def test_what_it_is_filled_up_with_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    tokens, before = chance.randrange(1, 40), chance.randrange(500)
    seen = before + tokens
    queries = mx.random.normal((tokens, 6, 1, 32))
    keys, values = mx.random.normal((1, 2, seen, 32)), mx.random.normal((1, 2, seen, 32))
    allowed = mx.arange(seen) <= before + mx.arange(tokens)[:, None]

    got = attend(queries, keys, values, bias_of(allowed, mx.float32), 0.2)

    wanted = mx.fast.scaled_dot_product_attention(
        queries.transpose(2, 1, 0, 3), keys, values, scale=0.2, mask="causal"
    )[0].swapaxes(0, 1)
    assert mx.allclose(got, wanted, atol=1e-5)
