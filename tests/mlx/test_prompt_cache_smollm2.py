"""The prompt cache on the model that Pensieve comes with: three people's talks, turn by turn, as without it."""

from pathlib import Path

import pytest

from tests.mlx.driving import alone, run, sequence
from tests.mlx.test_smollm2 import ASSISTANT, CAPITAL_OF_FRANCE, END, NEWLINE, START, THREE_COLOURS, USER
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

QUESTIONS = {
    "geographer": (CAPITAL_OF_FRANCE, THREE_COLOURS),
    "painter": (THREE_COLOURS, THREE_COLOURS * 2),
    "repeater": (CAPITAL_OF_FRANCE, CAPITAL_OF_FRANCE * 3),
}


@pytest.fixture(scope="module")
def cached(smollm2_dir: Path) -> MlxEngine:
    return MlxEngine(smollm2_dir, device="cpu", cache_bytes=10**9)


def _asked(history: dict[str, tuple[int, ...]], turn: int) -> list[Sequence]:
    tail = (END, NEWLINE, START, *ASSISTANT, NEWLINE)
    return [
        sequence(name, (*history[name], START, USER, NEWLINE, *questions[turn], *tail), max_tokens=5)
        for name, questions in QUESTIONS.items()
    ]


def test_two_turns_greedy_are_the_same_with_the_cache_as_without(smollm2: MlxEngine, cached: MlxEngine) -> None:
    history: dict[str, tuple[int, ...]] = dict.fromkeys(QUESTIONS, ())
    for turn in range(2):
        asked = _asked(history, turn)
        expected = alone(smollm2, asked)

        assert run(cached, asked, joins={"painter": 2, "repeater": 3}, chunk=32) == expected
        # At the least all that was said before, but for the answer's last token.
        assert all(one.cache_read_tokens >= len(history[one.id]) - 1 for one in asked)
        assert asked[2].cache_read_tokens > len(history["repeater"])
        history = {one.id: (*one.prompt, *expected[one.id]) for one in asked}
