"""The engine on the model that Pensieve comes with."""

import pytest

from tests.mlx.driving import alone, plain_greedy, run, sequence
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

# Token ids, since the engine knows no text: ChatML with a question as the user's turn.
START, END, USER, NEWLINE = 1, 2, 4093, 198
ASSISTANT = (520, 9531)
CAPITAL_OF_FRANCE = (1780, 314, 260, 3575, 282, 4649, 47)
THREE_COLOURS = (5820, 1296, 14797, 30)
PARIS = 7042


def _chat(question: tuple[int, ...]) -> tuple[int, ...]:
    return (START, USER, NEWLINE, *question, END, NEWLINE, START, *ASSISTANT, NEWLINE)


def _sequences() -> list[Sequence]:
    france, colours = _chat(CAPITAL_OF_FRANCE), _chat(THREE_COLOURS)
    return [
        sequence("greedy", france, max_tokens=9),
        sequence("longer", colours * 4, max_tokens=8),
        sequence("warm", colours, max_tokens=9, temperature=1.0, seed=1),
        sequence("narrow", france, max_tokens=7, temperature=0.9, top_p=0.95, seed=2),
        sequence("flat", colours, max_tokens=6, temperature=1.2, top_p=0.98, seed=3),
        sequence("few", france * 2, max_tokens=6, temperature=1.0, top_k=20, seed=4),
    ]


@pytest.fixture(scope="module")
def expected(smollm2: MlxEngine) -> dict[str, list[int]]:
    return alone(smollm2, _sequences())


def test_it_knows_the_capital_of_france(expected: dict[str, list[int]]) -> None:
    assert PARIS in expected["greedy"][:8]


def test_greedy_tokens_are_those_of_the_bare_model(smollm2: MlxEngine, expected: dict[str, list[int]]) -> None:
    bare = plain_greedy(smollm2._loaded.model, _chat(CAPITAL_OF_FRANCE), 9)

    assert expected["greedy"] == bare


def test_a_batch_gives_each_what_it_gets_alone(smollm2: MlxEngine, expected: dict[str, list[int]]) -> None:
    got = run(smollm2, _sequences())

    assert got == expected


def test_coming_and_going_changes_nobody_elses_tokens(smollm2: MlxEngine, expected: dict[str, list[int]]) -> None:
    joins = {"longer": 2, "warm": 5, "narrow": 5, "flat": 1}

    got = run(smollm2, _sequences(), joins=joins, leaves={"few": 3})

    # Its second token comes with the step after the next one.
    assert got == expected | {"few": expected["few"][:2]}
