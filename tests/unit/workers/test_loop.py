"""The engine loop, turned by hand."""

from dataclasses import dataclass, field

from queue_config.events import Canceled, Delta, Expired, Finished
from queue_config.request import GenerationRequest
from tests.support.worker import EOS, a_request, new_output
from workers.fake_engine import FakeEngine
from workers.generation import Cancel, Drop, Emission, Generation, Stop, Submit
from workers.loop import EngineLoop
from workers.scheduler import Scheduler
from workers.sequence import Sequence


@dataclass
class Bench:
    """A loop with its outputs caught and its clock in hand."""

    max_batch: int = 4
    now: float = 0.0
    emitted: list[Emission] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        engine = FakeEngine(EOS)
        scheduler = Scheduler(self.max_batch, prefill_chunk=100)
        self.loop = EngineLoop(engine, scheduler, self.emitted.append, self.left.append, lambda: self.now)

    def submit(self, request: GenerationRequest, known: str = "") -> None:
        output = new_output(request)
        for c in known:
            output.push(ord(c))
        sequence = Sequence(request.id, request.prompt, request.sampling, list(map(ord, known)))
        self.loop.inbox.put(Submit(Generation(request, sequence, output)))

    def turns(self, count: int) -> None:
        for _ in range(count):
            assert self.loop.turn()

    def text(self, job_id: str) -> str:
        return "".join(e.delta.text for e in self.emitted if e.delta and e.job_id == job_id)


def test_every_token_is_emitted_and_the_last_comes_with_the_end() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hi"))
    bench.turns(3)

    assert bench.emitted == [
        Emission("a", Delta((ord("h"),), "h")),
        Emission("a", Delta((ord("i"),), "i")),
        Emission("a", Delta((EOS,), ""), Finished("end_turn", 3)),
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
