"""One answer without a service, from an engine that needs no model's weights."""

import pytest

from deploy.generation import EngineFailed, tokens
from queue_config.request import SamplingParams
from workers.engine import NOTHING_HELD, Sampled, Unbounded
from workers.sequence import Sequence


class CountingEngine:
    """Answers 0, 1, 2, ... and notes how it was used; `fails_at` is the token that goes wrong."""

    device = "counting"
    prefill_chunk = 2
    chunk_sizes = (2,)
    shares_passes = False
    uncut_tokens = 0
    kv = Unbounded()
    usage = NOTHING_HELD
    aside_s = 0.0

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls: list[str] = []
        self._fails_at = fails_at
        self._left = 0
        self._next = 0

    def add(self, sequence: Sequence) -> int:
        self.calls.append("add")
        self._left = len(sequence.prompt)
        return 0

    def prefill(self, _sequence_id: str, max_tokens: int) -> int:
        self.calls.append("prefill")
        self._left = max(0, self._left - max_tokens)
        return self._left

    def decode(self) -> list[Sampled]:
        token, self._next = self._next, self._next + 1
        return [Sampled("one", token, error="not a number" if token == self._fails_at else None)]

    def remove(self, _sequence_id: str, *, keep: bool = True) -> None:  # noqa: ARG002 - part of the protocol
        self.calls.append("remove")

    def tidy(self) -> bool:
        return False

    def close(self) -> None:
        pass


def sequence() -> Sequence:
    return Sequence("one", (1, 2, 3, 4, 5), SamplingParams(max_tokens=3))


def test_a_prompt_goes_in_by_chunks_and_tokens_come_out_as_long_as_they_are_wanted() -> None:
    engine = CountingEngine()
    wanted = sequence()
    stream = tokens(engine, wanted)
    first = [next(stream), next(stream)]
    stream.close()

    assert first == [0, 1]
    assert wanted.output == [0, 1]
    assert engine.calls == ["add", "prefill", "prefill", "prefill", "remove"]


def test_a_row_that_goes_wrong_ends_with_the_engine_s_words() -> None:
    with pytest.raises(EngineFailed, match="not a number"):
        list(tokens(CountingEngine(fails_at=1), sequence()))
