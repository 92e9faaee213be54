"""Models with sliding windows, whose caches rotate, batch like any other."""

from pathlib import Path

import pytest

from tests.mlx.driving import alone, plain_greedy, run, sequence, words
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine

LENGTHS = (5, 15, 16, 17, 40, 90)


@pytest.fixture
def windowed(tmp_path: Path) -> MlxEngine:
    """An engine whose model attends to all tokens in one layer and to the last 16 in the two others."""
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    folder = write_tiny_llama(tmp_path, layers=3, layer_types=kinds, sliding_window=16)
    return MlxEngine(folder, device="cpu")


def test_greedy_tokens_are_those_of_the_bare_model_before_and_after_the_window_is_full(windowed: MlxEngine) -> None:
    prompts = {f"s{length}": words(length, length) for length in LENGTHS}
    expected = {name: plain_greedy(windowed._loaded.model, prompt, 25) for name, prompt in prompts.items()}

    got = run(windowed, [sequence(name, prompt, max_tokens=25) for name, prompt in prompts.items()])

    assert got == expected


def test_joining_and_leaving_changes_nobody_elses_tokens(windowed: MlxEngine) -> None:
    everybody = [sequence(f"s{n}", words(n, n), max_tokens=10 + n % 9, temperature=n % 2, seed=n) for n in LENGTHS]
    expected = alone(windowed, everybody)

    got = run(windowed, everybody, joins={"s15": 2, "s5": 4, "s90": 9, "s17": 14})

    assert got == expected
