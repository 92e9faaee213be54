"""The engine loop, turned by hand."""

from itertools import count

from queue_config.events import Canceled, Delta, Expired, Failed, Finished
from queue_config.pieces import TextPiece
from tests.support.loop_bench import Bench
from tests.support.scheduling import RowsByLongest, SteadyPace, a_scheduler
from tests.support.worker import EOS, a_request
from workers.engine import Unbounded
from workers.fake_engine import FakeEngine
from workers.generation import Cancel, Drop, Emission, Stop
from workers.loop import TOO_LARGE
from workers.scheduler import Scheduler


def test_every_token_is_emitted_and_the_last_comes_with_the_end() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hi"))
    bench.turns(3)

    assert bench.emitted == [
        Emission("a", Delta((ord("h"),), (TextPiece("h"),))),
        Emission("a", Delta((ord("i"),), (TextPiece("i"),))),
        Emission("a", Delta((EOS,)), Finished("end_turn", 3)),
    ]
    assert bench.left == ["a"]


def test_a_request_that_joins_later_changes_nothing_for_the_first() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hello"))
    bench.turns(2)
    bench.submit(a_request("b", "xy"))
    bench.turns(4)

    assert (bench.text("a"), bench.text("b")) == ("hello", "xy")
    assert sorted(bench.left) == ["a", "b"]


def test_a_canceled_request_ends_at_the_next_turn() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hello"))
    bench.turns(2)
    bench.loop.inbox.put(Cancel("a"))
    bench.submit(a_request("b", "x"))
    bench.turns(2)

    assert Emission("a", None, Canceled(2)) in bench.emitted
    assert bench.text("a") == "he"
    assert bench.text("b") == "x"


def test_a_dropped_request_ends_without_a_word() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hello"))
    bench.turns(1)
    bench.loop.inbox.put(Drop("a"))
    bench.loop.inbox.put(Drop("unknown"))
    bench.loop.inbox.put(Cancel("unknown"))
    bench.submit(a_request("b", "x"))
    bench.turns(1)

    assert [e.job_id for e in bench.emitted if e.terminal] == []
    assert bench.left == ["a"]


def test_a_request_expires_when_its_deadline_passes() -> None:
    bench = Bench()
    request = a_request("a", "hello")
    bench.submit(request)
    bench.turns(2)
    bench.now = request.deadline_at
    bench.turns(1)

    assert bench.emitted[-1] == Emission("a", None, Expired(2))
    assert bench.left == ["a"]


def test_a_resumed_request_goes_on_behind_what_is_known() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hello"), known="he")
    bench.turns(4)

    assert bench.text("a") == "llo"
    assert bench.emitted[-1].terminal == Finished("end_turn", 6)


def test_a_request_for_no_tokens_gets_none() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hello", max_tokens=0))
    bench.turns(1)

    assert bench.emitted == [Emission("a", None, Finished("max_tokens", 0))]


def test_a_stop_ends_the_loop() -> None:
    bench = Bench()
    bench.loop.inbox.put(Stop())

    assert bench.loop.turn() is False


def test_a_request_that_would_not_fit_an_empty_engine_ends_at_once() -> None:
    bench = Bench(scheduler=a_scheduler(costs=RowsByLongest(20)))
    bench.submit(a_request("large", "hello", max_tokens=11))
    bench.submit(a_request("small", "hello", max_tokens=10))
    bench.turns(8)

    assert bench.ends == {
        "large": Failed("invalid_request_error", TOO_LARGE),
        "small": Finished("end_turn", 6),
    }


def test_a_request_that_does_not_fit_beside_the_others_waits_for_them() -> None:
    bench = Bench(scheduler=a_scheduler(costs=RowsByLongest(40)))
    for job_id in "abc":
        bench.submit(a_request(job_id, "hello", max_tokens=10))
    bench.turns(1)
    first = (bench.loop.running, bench.loop.waiting)
    bench.until_idle()

    assert first == (2, 1)
    assert bench.ends == dict.fromkeys("abc", Finished("end_turn", 6))


def test_what_an_engine_does_beside_its_step_is_not_reckoned_as_the_step() -> None:
    turns: list[float] = []

    class Aside(FakeEngine):
        aside_s = 0.25

    class Noting(Scheduler):
        def turned(self, seconds: float) -> None:
            turns.append(seconds)

    bench = Bench(Aside(EOS), scheduler=Noting(4, SteadyPace([100]), Unbounded()), clock=count().__next__)
    bench.submit(a_request("a", "hi"))
    bench.turns(1)

    assert turns == [0.75]
