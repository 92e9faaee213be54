"""What the engine found in its prompt cache: less for the scheduler to plan, and told at the end of the answer."""

import pytest

from queue_config.events import Canceled, Failed, Finished
from tests.support.engines import FailingEngine
from tests.support.loop_bench import Bench
from tests.support.worker import EOS, a_request
from workers.fake_engine import FakeEngine
from workers.generation import Cancel
from workers.sequence import Sequence


class RememberingEngine(FakeEngine):
    """Says of every prompt that it knows its first two tokens, and keeps two more."""

    def __init__(self) -> None:
        super().__init__(EOS)
        self.asked: list[int] = []
        self._known: dict[str, Sequence] = {}

    def add(self, sequence: Sequence) -> int:
        self._known[sequence.id] = sequence
        super().add(sequence)
        super().prefill(sequence.id, 2)
        return 2

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        self.asked.append(max_tokens)
        left = super().prefill(sequence_id, max_tokens)
        if left == 0:
            self._known[sequence_id].cache_read_tokens = 2
            self._known[sequence_id].cache_written_tokens = 2
        return left


class NotingEngine(FailingEngine):
    """Notes of which sequences it may keep what it computed."""

    def __init__(self) -> None:
        super().__init__(EOS, prefill="bad", decode="sad")
        self.kept: dict[str, bool] = {}

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        self.kept[sequence_id] = keep
        super().remove(sequence_id, keep=keep)


@pytest.mark.parametrize(("max_tokens", "end"), [(0, "max_tokens"), (100, "end_turn")])
def test_the_end_tells_what_was_read_and_written(max_tokens: int, end: str) -> None:
    bench = Bench(RememberingEngine())
    bench.submit(a_request("a", "hello", max_tokens=max_tokens))
    bench.until_idle()
    finished = bench.ends["a"]

    assert isinstance(finished, Finished)
    assert (finished.reason, finished.cache_read_tokens, finished.cache_written_tokens) == (end, 2, 2)


def test_only_what_is_left_is_planned() -> None:
    engine = RememberingEngine()
    bench = Bench(engine)
    bench.submit(a_request("a", "hello"))
    bench.turns(1)

    assert engine.asked == [3]


def test_what_failed_is_not_kept_and_what_was_cancelled_is() -> None:
    engine = NotingEngine()
    bench = Bench(engine)
    for name, prompt in (("a", "bad"), ("b", "sad"), ("c", "hello"), ("d", "x")):
        bench.submit(a_request(name, prompt))
    bench.turns(2)
    bench.loop.inbox.put(Cancel("c"))
    bench.until_idle()

    assert engine.kept == {"a": False, "b": False, "c": True, "d": True}
    assert [type(bench.ends[name]) for name in "abcd"] == [Failed, Failed, Canceled, Finished]
