"""Steps that raise: the loop finds whose fault it is."""

from collections.abc import Callable, Collection

import pytest

from queue_config.events import Canceled, Failed, Finished, Terminal
from tests.support.engines import RaisingEngine
from tests.support.loop_bench import Bench
from tests.support.worker import EOS, a_request
from workers.generation import Cancel
from workers.isolation import NoCulprit

FAILED = Failed("api_error", "The model failed on this request.")
TEXTS = {name: f"the answer to {name} " * 3 for name in ("a", "b", "c", "d", "e")}


def served(raises: Callable[[Collection[str]], bool], names: Collection[str] = tuple(TEXTS)) -> Bench:
    """All of the names submitted at once, to an engine that raises so."""
    bench = Bench(RaisingEngine(EOS, raises), max_batch=8)
    for name in names:
        bench.submit(a_request(name, TEXTS[name]))
    return bench


def all_well(*names: str) -> dict[str, Terminal]:
    return {name: Finished("end_turn", len(TEXTS[name]) + 1) for name in names}


@pytest.mark.parametrize("culprit", list(TEXTS))
def test_a_row_that_makes_steps_raise_ends_alone(culprit: str) -> None:
    others = [name for name in TEXTS if name != culprit]
    bench = served(lambda rows: culprit in rows)
    bench.until_idle()

    assert bench.ends == all_well(*others) | {culprit: FAILED}
    assert [bench.text(name) for name in others] == [TEXTS[name] for name in others]


def test_two_culprits_are_both_found() -> None:
    bench = served(lambda rows: "b" in rows or "d" in rows)
    bench.until_idle()

    assert bench.ends == all_well("a", "c", "e") | {"b": FAILED, "d": FAILED}


def test_a_step_that_raises_once_ends_nobody() -> None:
    failures = iter([False, False, False, True])
    bench = served(lambda _: next(failures, False))
    bench.until_idle()

    assert bench.ends == all_well(*TEXTS)
    assert {name: bench.text(name) for name in TEXTS} == TEXTS


def test_a_row_that_raises_from_its_tenth_token_on_keeps_its_first_nine() -> None:
    bench: Bench = served(lambda rows: "b" in rows and len(bench.text("b")) >= 9)
    bench.until_idle()

    assert bench.ends == all_well("a", "c", "d", "e") | {"b": FAILED}
    assert bench.text("b") == TEXTS["b"][:9]


def test_an_engine_that_always_raises_is_let_go_before_anybody_has_ended() -> None:
    bench = served(lambda _: True)

    with pytest.raises(NoCulprit):
        bench.until_idle()
    assert bench.ends == {}


def test_rows_that_only_raise_together_are_nobody_s_fault_and_the_engine_is_let_go() -> None:
    bench = served(lambda rows: {"a", "d"} <= set(rows))

    with pytest.raises(NoCulprit):
        bench.until_idle()
    assert bench.ends == {}


def test_a_lone_row_that_raises_again_and_again_ends() -> None:
    bench = served(lambda _: True, ["a"])
    bench.until_idle()

    assert bench.ends == {"a": FAILED}


def test_an_engine_that_raises_with_the_next_row_too_is_let_go() -> None:
    bench = served(lambda _: True, ["a"])
    bench.until_idle()
    bench.submit(a_request("b", "x"))

    with pytest.raises(NoCulprit):
        bench.until_idle()


def test_after_a_lone_failure_a_step_that_goes_well_clears_the_engine() -> None:
    bench = served(lambda rows: "a" in rows or "c" in rows, ["a"])
    bench.until_idle()
    for name in "bc":
        bench.submit(a_request(name, TEXTS[name]))
        bench.until_idle()

    assert bench.ends == all_well("b") | {"a": FAILED, "c": FAILED}


def test_newcomers_wait_while_a_culprit_is_sought() -> None:
    bench = served(lambda rows: "b" in rows, ["a", "b"])
    bench.turns(2)
    bench.submit(a_request("c", TEXTS["c"]))
    bench.until_idle()

    assert bench.ends == all_well("a", "c") | {"b": FAILED}


@pytest.mark.parametrize("canceled", ["a", "b", "c"])
@pytest.mark.parametrize("turns", range(1, 12))
def test_a_cancel_at_any_moment_of_the_search_leaves_nobody_hanging(canceled: str, turns: int) -> None:
    bench = served(lambda rows: "b" in rows, ["a", "b", "c"])
    bench.turns(turns)
    bench.loop.inbox.put(Cancel(canceled))
    bench.until_idle()

    others = [name for name in "ac" if name != canceled]
    assert {name: bench.ends[name] for name in others} == all_well(*others)
    assert isinstance(bench.ends[canceled], Canceled | Failed)
    assert isinstance(bench.ends["b"], Canceled | Failed)
