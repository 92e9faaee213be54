"""Warm-up runs the shapes that are served later, and leaves nothing behind."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from tests.mlx.driving import run, sequence, words
from tests.support.tiny_llama import write_tiny_llama
from workers.drafting import SIZES
from workers.engine import Sampled
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.warm_up import CACHED, batch_sizes, shapes, warm_up
from workers.sequence import Sequence


class WatchedEngine(MlxEngine):
    """Notes the sizes of what it is asked for."""

    def __init__(self, folder: Path, *, kv_bytes: int = 0, speculate: bool = False) -> None:
        super().__init__(folder, "cpu", cache_bytes=10**8, kv_bytes=kv_bytes, speculate=speculate)
        self.found: set[int] = set()
        self.chunks: set[int] = set()
        self.batches: set[int] = set()

    def add(self, sequence: Sequence) -> int:
        found = super().add(sequence)
        self.found.add(found)
        return found

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        self.chunks.add(max_tokens)
        return super().prefill(sequence_id, max_tokens)

    def decode(self) -> list[Sampled]:
        step = super().decode()
        self.batches.add(len(step))
        return step


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny")


def test_every_chunk_size_and_every_doubling_of_the_batch_is_run(folder: Path) -> None:
    engine = WatchedEngine(folder)
    stages = list(shapes(engine, max_batch=12, longest=1000))

    assert engine.chunks >= set(engine.chunk_sizes)
    assert engine.batches >= {1, 2, 4, 8, 12}
    assert len(stages) == len(engine.chunk_sizes) + 3 + 5 + 1
    assert max(engine.found) >= CACHED  # in the prompt cache


def test_drafts_of_every_size_are_checked(folder: Path) -> None:
    engine = WatchedEngine(folder, speculate=True)
    speculation = engine._batch.speculation
    assert speculation is not None
    model, passes = speculation.model, set()

    def watched(tokens: mx.array, cache: list[Any]) -> mx.array:
        passes.add(tokens.shape)
        logits: mx.array = model(tokens, cache=cache)
        return logits

    speculation.model = watched
    list(shapes(engine, max_batch=1, longest=1000))

    assert passes == {(1, size + 1) for size in SIZES}


def test_it_leaves_the_engine_as_it_was(folder: Path) -> None:
    expected = run(WatchedEngine(folder), [sequence("a", words(1, 40))])
    engine = WatchedEngine(folder)
    list(shapes(engine, max_batch=4, longest=1000))

    assert (engine.kv_bytes, engine.cache_bytes, engine.decode()) == (0, 0, [])
    assert run(engine, [sequence("a", words(1, 40))]) == expected


def test_batches_that_the_budget_does_not_admit_are_left_out(folder: Path) -> None:
    engine = WatchedEngine(folder, kv_bytes=4_000_000)
    list(shapes(engine, max_batch=64, longest=1000))

    assert {1, 2} <= engine.batches
    assert 64 not in engine.batches


def test_on_a_cpu_nothing_is_run(folder: Path) -> None:
    engine = WatchedEngine(folder)
    warm_up(engine, max_batch=8)

    assert (engine.chunks, engine.batches) == (set(), set())


def test_batch_sizes_are_the_powers_of_two_and_the_largest() -> None:
    assert [batch_sizes(1), batch_sizes(8), batch_sizes(12)] == [[1], [1, 2, 4, 8], [1, 2, 4, 8, 12]]
