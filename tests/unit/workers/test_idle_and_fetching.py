"""What the loop leaves the engine to do while nothing runs, at its end, and while a prompt's prefix is fetched."""

from tests.support.loop_bench import Bench
from tests.support.scheduling import SteadyPace, a_sequence
from tests.support.worker import EOS, a_request
from workers.engine import Unbounded
from workers.fake_engine import FakeEngine
from workers.generation import Stop
from workers.scheduler import Scheduler


class TidyingEngine(FakeEngine):
    """Has so much to tidy."""

    def __init__(self, left: int) -> None:
        super().__init__(EOS)
        self.left = left
        self.calls: list[str] = []

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        self.calls.append("prefill")
        return super().prefill(sequence_id, max_tokens)

    def tidy(self) -> bool:
        self.calls.append("tidy")
        self.left -= 1
        return self.left > 0

    def close(self) -> None:
        self.calls.append("close")


class FetchingEngine(FakeEngine):
    """Fetches for three calls before it computes."""

    waits = 3

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        if self.waits:
            self.waits -= 1
            return self._rows[sequence_id].left
        return super().prefill(sequence_id, max_tokens)


class RecordingPace(SteadyPace):
    def __init__(self) -> None:
        super().__init__([10])
        self.seen: list[float] = []

    def turned(self, seconds: float, decoding: int, prefilled: int) -> None:  # noqa: ARG002
        self.seen.append(seconds)


def test_tidying_goes_on_while_nothing_runs_and_a_request_comes_before_the_rest_of_it() -> None:
    engine = TidyingEngine(left=10)
    bench = Bench(engine)
    bench.turns(3)
    bench.submit(a_request("a", "hi"))
    bench.turns(1)

    assert engine.calls == ["tidy"] * 4 + ["prefill"]


def test_the_engine_is_closed_at_the_end() -> None:
    engine = TidyingEngine(left=0)
    bench = Bench(engine)
    bench.loop.inbox.put(Stop())
    bench.loop.run()

    assert engine.calls == ["tidy", "close"]


def test_a_prompt_that_waits_for_its_prefix_is_asked_for_again_and_answered() -> None:
    bench = Bench(FetchingEngine(EOS))
    bench.submit(a_request("a", "hi"))
    bench.until_idle()

    assert bench.text("a") == "hi"


def test_turns_in_which_a_prompt_got_no_further_say_nothing_about_pace() -> None:
    pace = RecordingPace()
    scheduler = Scheduler(8, pace, Unbounded())
    one = a_sequence("a", 20)
    scheduler.add(one)
    for seconds, left in ((1.0, 20), (2.0, 10), (3.0, 10), (4.0, 0)):
        scheduler.to_prefill()
        scheduler.prefilled(one, left)
        scheduler.turned(seconds)

    assert pace.seen == [2.0, 4.0]
