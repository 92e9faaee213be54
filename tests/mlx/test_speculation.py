"""Speculation: an answer that is guessed at is the same answer, in fewer steps."""

from pathlib import Path
from typing import Any

import pytest

from tests.mlx.driving import run, sequence, words
from tests.support.constraints import Ruled
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

PROMPT = words(1, 40) + words(2, 30) * 3
"""It quotes itself, and so do the answers of a small model to it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def plain(folder: Path) -> MlxEngine:
    return MlxEngine(folder, device="cpu")


@pytest.fixture
def guessing(folder: Path) -> MlxEngine:
    return MlxEngine(folder, device="cpu", speculate=True)


class Steps:
    """Counts an engine's steps."""

    def __init__(self, engine: MlxEngine) -> None:
        self._engine = engine
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def decode(self) -> Any:
        self.count += 1
        return self._engine.decode()


def answer(engine: Any, one: Sequence) -> list[int]:
    (tokens,) = run(engine, [one]).values()
    return tokens


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.3, "seed": 5},
    {"temperature": 0.6, "top_p": 0.8, "seed": 6},
    {"temperature": 0.5, "top_k": 3, "seed": 7},
    {"temperature": 0.0, "presence_penalty": 0.5},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("max_tokens", [1, 2, 5, 80])
def test_guesses_change_no_token(
    plain: MlxEngine, guessing: MlxEngine, settings: dict[str, Any], max_tokens: int
) -> None:
    asked = {"max_tokens": max_tokens, **settings}

    assert answer(guessing, sequence("a", PROMPT, **asked)) == answer(plain, sequence("a", PROMPT, **asked))


def test_what_repeats_itself_takes_fewer_steps_than_tokens(guessing: MlxEngine) -> None:
    cycle = words(4, 11)
    one = sequence("a", PROMPT, max_tokens=120)
    one.constraint = Ruled(lambda output: [cycle[len(output) % len(cycle)]], 500)
    steps = Steps(guessing)
    tokens = answer(steps, one)

    assert tokens == [cycle[place % len(cycle)] for place in range(120)]
    assert steps.count < 60


def test_company_may_come_and_go(plain: MlxEngine, guessing: MlxEngine) -> None:
    crowd = [sequence(f"{number}", words(number, 9 + number) * 4, max_tokens=50 - number) for number in range(3)]
    joins, leaves = {"1": 12, "2": 14}, {"1": 20}

    together = run(guessing, crowd, joins=joins, leaves=leaves)
    for one in crowd:
        expected = answer(plain, Sequence(one.id, one.prompt, one.sampling))
        assert together[one.id] == expected[: len(together[one.id])]
    assert len(together["0"]) == 50
    assert len(together["2"]) == 48


def test_what_is_guessed_keeps_to_the_constraint(plain: MlxEngine, guessing: MlxEngine) -> None:
    def even(output: list[int]) -> list[int] | None:
        return list(range(0, 500, 2)) if len(output) % 3 else None

    def constrained() -> Sequence:
        one = sequence("a", PROMPT, max_tokens=60)
        one.constraint = Ruled(even, 500)
        return one

    tokens = answer(guessing, constrained())
    assert tokens == answer(plain, constrained())
    assert all(token % 2 == 0 for place, token in enumerate(tokens) if place % 3)


def test_what_was_kept_of_a_guessed_answer_serves_the_next_turn(folder: Path, plain: MlxEngine) -> None:
    engine = MlxEngine(folder, device="cpu", cache_bytes=50_000_000, speculate=True)
    first = answer(engine, sequence("a", PROMPT, max_tokens=60))
    follow_up = (*PROMPT, *first, *words(9, 7))

    again = sequence("b", follow_up, max_tokens=40)
    assert engine.add(again) >= len(PROMPT) + len(first) - 1
    engine.remove("b")
    assert answer(engine, sequence("c", follow_up, max_tokens=40)) == answer(
        plain, sequence("c", follow_up, max_tokens=40)
    )
