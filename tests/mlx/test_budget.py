"""What the engine comes to hold stays within what was forecast, and the forecast isn't much more."""

from pathlib import Path

import mlx.core as mx
import pytest

from queue_config.request import SamplingParams
from tests.mlx.driving import words
from tests.support.tiny_llama import write_tiny_llama
from workers.engine import Need
from workers.mlx_engine.device import Device
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.kv_costs import budget_bytes
from workers.sequence import Sequence


@pytest.fixture
def engine(tmp_path: Path) -> MlxEngine:
    """Eight layers, so that the caches outweigh everything else."""
    return MlxEngine(write_tiny_llama(tmp_path / "tiny", layers=8), device="cpu")


def a_sequence(name: str, prompt: int, answer: int) -> Sequence:
    return Sequence(name, words(1, prompt), SamplingParams(max_tokens=answer, temperature=0))


def most_held(engine: MlxEngine, sequences: list[Sequence]) -> int:
    """Run them all together; the most bytes beside the weights that MLX held for them at any moment."""
    for sequence in sequences:
        engine.add(sequence)
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    for sequence in sequences:
        while engine.prefill(sequence.id, engine.prefill_chunk):
            pass
    while any(len(sequence.output) < sequence.sampling.max_tokens for sequence in sequences):
        for sampled in engine.decode():
            next(s for s in sequences if s.id == sampled.sequence_id).output.append(sampled.token)
    for sequence in sequences:
        engine.remove(sequence.id)
    return mx.get_peak_memory() - before


@pytest.mark.parametrize(
    "shapes",
    [
        [(200, 100)],
        [(1200, 5)],
        [(10, 260), (10, 260)],
        [(400, 20), (20, 150), (150, 10), (600, 30), (5, 5)],
    ],
)
def test_the_forecast_is_not_exceeded_nor_far_off(engine: MlxEngine, shapes: list[tuple[int, int]]) -> None:
    sequences = [a_sequence(str(i), *shape) for i, shape in enumerate(shapes)]
    forecast = engine.kv.bytes_for([Need(prompt + answer, prompt) for prompt, answer in shapes])
    held = most_held(engine, sequences)

    # Part of the forecast, the scores, are NumPy's and not seen here.
    assert forecast / 11 < held <= forecast


def test_buffers_that_grow_before_they_have_to_are_forecast(engine: MlxEngine) -> None:
    held = most_held(engine, [a_sequence("a", 240, 14)])

    assert engine.info.kv.bytes_for(256) < held <= engine.kv.bytes_alone(Need(254, 240))
    assert engine.kv.ahead == 8


def test_the_rectangle_is_forecast_and_not_the_sum_of_its_rows(engine: MlxEngine) -> None:
    long, short = Need(4096, 0), Need(256, 0)

    assert engine.kv.bytes_for([long, short, short, short]) >= 4 * engine.info.kv.bytes_for(4096)


def test_room_for_rows_that_have_left_is_counted_until_it_is_given_back(engine: MlxEngine) -> None:
    sequences = [a_sequence(str(i), 5, 500) for i in range(5)]
    for sequence in sequences:
        engine.add(sequence)
        engine.prefill(sequence.id, 128)
    engine.decode()
    for sequence in sequences[:2]:
        engine.remove(sequence.id)
    engine.decode()
    three = [Need(505, 0)] * 3
    crowded = engine.kv.bytes_for(three)
    for sequence in sequences[2:]:
        engine.remove(sequence.id)
    empty = engine.kv.bytes_for(three)

    assert crowded > 1.8 * empty


@pytest.mark.parametrize(
    ("setting", "weights", "cache", "expected"),
    [
        (123, 50, 10, 123),
        (0, 100, 100, 650),
        (0, 800, 100, 50),
    ],
)
def test_the_budget_is_the_setting_or_what_weights_and_cache_leave(
    setting: int, weights: int, cache: int, expected: int
) -> None:
    device = Device("metal", "test", memory_bytes=1000)

    assert budget_bytes(setting, device, weights, cache) == expected
