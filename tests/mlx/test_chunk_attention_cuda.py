"""CudaChunkAttention asks MLX for few shapes, all made ready. What it computes: tests/mlx/test_shared_pass.py."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from tests.mlx.driving import sequence, words
from tests.mlx.test_shared_pass import mixed
from tests.support.tiny_llama import write_tiny_llama
from workers.engine import Need
from workers.mlx_engine.chunk_attention_cuda import CudaChunkAttention
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.mlx_pass import MlxPass
from workers.mlx_engine.pass_choice import trial

LONGEST = 700


@contextmanager
def shapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Any]]:
    """Those that MLX's attention is asked for."""
    asked: set[Any] = set()
    plain = mx.fast.scaled_dot_product_attention

    def noting(queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: Any) -> mx.array:
        hides = mask if isinstance(mask, str) else mask.shape
        asked.add((queries.shape, keys.shape, values.shape, hides))
        return plain(queries, keys, values, scale=scale, mask=mask)

    with monkeypatch.context() as patched:
        patched.setattr(mx.fast, "scaled_dot_product_attention", noting)
        yield asked


@contextmanager
def products(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Any]]:
    """Of the rows and weights that are multiplied; a head's for no rows at all is never computed."""
    asked: set[Any] = set()
    plain = nn.Linear.__call__

    def noting(layer: nn.Linear, x: mx.array) -> mx.array:
        if x.size:
            asked.add((x.size // x.shape[-1], layer.weight.shape))
        out: mx.array = plain(layer, x)
        return out

    with monkeypatch.context() as patched:
        patched.setattr(nn.Linear, "__call__", noting)
        yield asked


def share_passes(engine: MlxEngine) -> None:
    """As on CUDA, and tried as at the start there."""
    model = engine._loaded.model
    shared = MlxPass(model, CudaChunkAttention())
    assert trial(model, shared) is None
    engine._batch.shared_pass = shared


@pytest.fixture
def attention(tiny: MlxEngine) -> None:
    """In the place of the engine's own."""
    share_passes(tiny)


@pytest.mark.usefixtures("attention")
def test_prompts_of_any_length_in_any_chunks_ask_for_nothing_that_was_not_made_ready(
    tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(4)
    lengths = [chance.randrange(1, LONGEST) for _ in range(12)] + [chance.randrange(1, 60) for _ in range(24)]
    with shapes(monkeypatch) as ready:
        stages = list(tiny.prepare(LONGEST, 8))

    with shapes(monkeypatch) as asked:
        mixed(tiny, [sequence(f"s{n}", words(n, length), max_tokens=1) for n, length in enumerate(lengths)], seed=1)

    assert asked <= ready
    assert len(asked) > 5
    assert len([stage for stage in stages if "attention" in stage]) == 4


@pytest.mark.usefixtures("attention")
def test_products_have_no_more_rows_than_were_made_ready(tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    prompts = [sequence(f"s{n}", words(n, chance.randrange(1, 300)), max_tokens=4) for n in range(20)]
    with products(monkeypatch) as ready:
        list(tiny.prepare(LONGEST, len(prompts)))

    with products(monkeypatch) as asked:
        mixed(tiny, prompts, seed=2)

    assert asked <= ready
    assert {rows for rows, _ in asked} >= {1, 2, 3, 64, 128}


def test_what_would_not_fit_is_not_made_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu", kv_bytes=8_000_000)
    share_passes(small)

    with shapes(monkeypatch) as ready:
        list(small.prepare(100_000, 8))

    columns = max(keys[2] for _, keys, _, _ in ready)
    assert 256 <= columns < 10_000
    assert small.kv.bytes_alone(Need(columns // 2, columns // 2)) <= 8_000_000


@pytest.mark.usefixtures("attention")
def test_short_prompts_that_come_together_attend_together(tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        tiny.add(sequence(f"s{n}", words(n, 17 + n)))
        tiny.prefill(f"s{n}", 64)

    with shapes(monkeypatch) as asked:
        tiny.decode()

    [(queries, _, _, mask)] = asked
    assert (queries[0], queries[2], mask) == (16, 32, "causal")
