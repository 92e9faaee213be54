"""Constrained rows get only what their constraints allow, step by step, and nobody else notices."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.mlx.driving import alone, run, sequence, words
from tests.support.constraints import Ruled
from workers.engine import Sampled
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

VOCABULARY = 400
"""Fewer than the tiny model's: the rest of its logits is never to be drawn."""

WARM: dict[str, Any] = {"temperature": 1.5, "max_tokens": 24}
SETTINGS: tuple[dict[str, Any], ...] = (
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"temperature": 1.2, "top_p": 0.9},
    {"temperature": 1.5, "top_k": 30},
    {"temperature": 1.0, "repetition_penalty": 1.4, "frequency_penalty": 0.3},
    {"temperature": 1.0, "presence_penalty": 1.0, "min_p": 0.01},
)


def _next_three(output: list[int]) -> Iterable[int]:
    """The token before, and so the one that was read last, decides: the three after it."""
    last = output[-1] if output else 50
    return [(last + step) % VOCABULARY for step in (1, 2, 3)]


def _every_other_step(output: list[int]) -> Iterable[int] | None:
    return None if len(output) % 2 else _next_three(output)


def _constrained(one: Sequence, rule: Any = _next_three) -> Sequence:
    one.constraint = Ruled(rule, VOCABULARY)
    return one


def _follows(tokens: list[int]) -> bool:
    return all((token - before) % VOCABULARY in (1, 2, 3) for before, token in zip([50, *tokens], tokens, strict=False))


@pytest.mark.parametrize("settings", SETTINGS)
def test_each_token_follows_from_the_one_before_as_the_constraint_says(
    tiny: MlxEngine, settings: dict[str, Any]
) -> None:
    rows = [_constrained(sequence(f"s{i}", words(i, 9 + i), seed=i, max_tokens=24, **settings)) for i in range(5)]

    got = run(tiny, rows, joins={"s3": 4, "s4": 9})

    assert all(_follows(tokens) and len(tokens) == 24 for tokens in got.values())


def _mixed(count: int = 12, *, only: int | None = None) -> list[Sequence]:
    """Every third row is constrained; `only` leaves those with this remainder out of it."""
    rows = []
    for i in range(count):
        one = sequence(f"s{i}", words(i, 3 + 11 * i % 70), max_tokens=20, seed=i, **SETTINGS[i % len(SETTINGS)])
        rows.append(_constrained(one, _every_other_step if i % 2 else _next_three) if i % 3 == 0 else one)
    return [row for i, row in enumerate(rows) if only is None or i % 3 != only]


def test_free_rows_get_the_same_tokens_beside_constrained_ones_as_without_them(tiny: MlxEngine) -> None:
    expected = run(tiny, _mixed(only=0))

    got = run(tiny, _mixed(), joins={"s3": 2, "s6": 5}, leaves={"s9": 7})

    assert {name: got[name] for name in expected} == expected


def test_constrained_and_free_rows_get_in_a_batch_what_they_get_alone(tiny: MlxEngine) -> None:
    expected: dict[str, list[int]] = {}
    for one in _mixed():
        expected |= run(tiny, [one])

    got = run(tiny, _mixed(), joins={"s1": 3, "s6": 5, "s8": 5})

    assert got == expected


def test_a_resumed_row_goes_on_under_its_constraint_and_penalties(tiny: MlxEngine) -> None:
    whole = run(tiny, _mixed())
    resumed = _mixed()
    for i, one in enumerate(resumed):
        one.output = whole[one.id][: 1 + i]

    got = run(tiny, resumed)

    assert got == {one.id: whole[one.id][1 + i :] for i, one in enumerate(resumed)}


def test_a_row_whose_constraint_raises_leaves_alone_with_its_error(tiny: MlxEngine) -> None:
    def breaks(output: list[int]) -> Iterable[int]:
        if len(output) == 3:
            raise RuntimeError("no way on")
        return _next_three(output)

    others = [sequence("free", words(1, 9), **WARM), _constrained(sequence("fine", words(2, 9), **WARM))]
    expected = alone(tiny, [others[0]]) | run(tiny, [_constrained(sequence("fine", words(2, 9), **WARM))])

    got = run(tiny, [*others, _constrained(sequence("broken", words(3, 9), **WARM), breaks)])

    assert {name: got[name] for name in expected} == expected
    assert (_follows(got["broken"][:2]), got["broken"][2:]) == (True, [-1])


def test_a_constraint_that_can_not_take_a_token_ends_its_row(tiny: MlxEngine) -> None:
    class Deaf(Ruled):
        def push(self, token: int) -> None:
            raise RuntimeError("what?" if token else "nothing?")

    one = sequence("deaf", words(1, 9))
    one.constraint = Deaf(_next_three, VOCABULARY)
    tiny.add(one)
    tiny.prefill("deaf", 64)

    assert [tiny.decode(), tiny.decode()] == [[Sampled("deaf", 0, "its constraint failed: what?")], []]


def test_a_constraint_that_allows_nothing_ends_its_row(tiny: MlxEngine) -> None:
    one = _constrained(sequence("stuck", words(1, 9)), lambda output: [] if output else [7])
    tiny.add(one)
    tiny.prefill("stuck", 64)

    assert [tiny.decode(), tiny.decode()] == [
        [Sampled("stuck", 7)],
        [Sampled("stuck", 0, "its constraint failed: it allows no token")],
    ]


def test_a_constraint_that_fails_before_the_first_token_ends_its_row(tiny: MlxEngine) -> None:
    def never(output: list[int]) -> Iterable[int]:
        raise RuntimeError("bad grammar")

    tiny.add(_constrained(sequence("bad", words(1, 9)), never))

    tiny.prefill("bad", 64)

    assert tiny.decode() == [Sampled("bad", 0, "its constraint failed: bad grammar")]
    tiny.remove("bad", keep=False)
    assert run(tiny, [sequence("next", words(2, 9))]) == alone(tiny, [sequence("next", words(2, 9))])
