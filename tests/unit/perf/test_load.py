"""The load page: how it compares groups, and what it says of a result."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.perf.load.conditions import Conditions
from tests.perf.load.document import rewrite
from tests.perf.load.ranks import auc
from tests.perf.load.results import Bar, Result

MACHINE = {
    "processor": "an abacus",
    "cores": 2,
    "memory_gb": 1.0,
    "system": "Linux",
    "commit": "abc",
    "at": "2026-11-22",
    "load_before": 0.5,
}
SOME = st.lists(st.integers(-3, 3), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("lower", "higher", "expected"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2, 4], 0.75)],
)
def test_groups_that_are_told_apart_have_one_and_equal_ones_a_half(
    lower: list[float], higher: list[float], expected: float
) -> None:
    assert auc(lower, higher) == expected


@given(SOME, SOME)
def test_it_is_the_chance_that_one_of_the_first_is_below_one_of_the_second(lower: list[int], higher: list[int]) -> None:
    pairs = [(one < other) + (one == other) / 2 for one in lower for other in higher]

    assert auc(lower, higher) == pytest.approx(sum(pairs) / len(pairs))


def test_a_run_that_tries_out_has_fewer_clients_and_less_time_but_some() -> None:
    tried = Conditions(scale=0.01)

    assert (tried.count(2_000), tried.count(8), tried.seconds(600), tried.seconds(10)) == (20, 2, 6.0, 2.0)


def test_a_result_that_was_kept_is_told_with_its_circumstances(tmp_path: Path) -> None:
    bars = [Bar("quick", "5 ms", holds=True), Bar("none lost", "3 lost", holds=False)]
    facts = {"p50 ms": 4, "statuses": {"200": 3, "529": 4}, "late": [], "named": ["a", "b"], "unknown": None}
    result = Result("overload", MACHINE, 1.0, bars, facts, load_after=2.5, note="The fan was on.")
    result.write(tmp_path / "load")
    page = rewrite(tmp_path / "load").read_text()

    assert Result.read(tmp_path / "load" / "overload.json") == result
    assert page.split("## The bars")[1].splitlines()[2:6] == [
        "| bar | measured |  | load average before |",
        "| --- | ---: | ---: | ---: |",
        "| quick | 5 ms | met | 0.5 |",
        "| none lost | 3 lost | **missed** | 0.5 |",
    ]
    assert page.splitlines()[-11:] == [
        "an abacus, 2 cores, 1.0 GB, Linux; commit abc, 2026-11-22; load average 0.5 before, 2.5 after.",
        "",
        "The fan was on.",
        "",
        "|  | measured |",
        "| --- | ---: |",
        "| p50 ms | 4 |",
        "| statuses | 200: 3, 529: 4 |",
        "| late | none |",
        "| named | a, b |",
        "| unknown | - |",
    ]
