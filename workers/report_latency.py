"""Latencies: how long requests wait for their first token, and tokens for the next, taken where the log is written.

There every token of every answer passes once, whoever reads it and however: streamed, polled, or in a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from queue_config.event_log import Entry
from queue_config.events import TERMINAL, Delta
from queue_config.histogram import Histogram
from queue_config.report import LaneLatency
from queue_config.request import LANES, GenerationRequest, Lane

_WAIT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_BETWEEN_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(slots=True)
class _Answer:
    lane: Lane
    created_at: float
    last_token_at: float | None = None


class Latencies:
    """A Watcher of answers; `by_lane` may be read by anybody."""

    def __init__(self) -> None:
        self.by_lane: dict[Lane, LaneLatency] = {lane: _nothing_yet(lane) for lane in LANES}
        self._answers: dict[str, _Answer] = {}

    def begun(self, request: GenerationRequest, now: float, *, is_resumed: bool) -> None:
        self._answers[request.id] = _Answer(request.lane, request.created_at)
        if not is_resumed:
            latency = self.by_lane[request.lane]
            waited = _observed(latency.queue_wait_s, now - request.created_at)
            self.by_lane[request.lane] = replace(latency, queue_wait_s=waited)

    def written(self, entries: Sequence[Entry], now: float) -> None:
        for entry in entries:
            answer = self._answers.get(entry.job_id)
            if answer is not None and isinstance(entry.event, Delta) and entry.event.tokens:
                self._tokens(answer, entry, len(entry.event.tokens), now)
            if isinstance(entry.event, TERMINAL):
                self.forget(entry.job_id)

    def forget(self, job_id: str) -> None:
        self._answers.pop(job_id, None)

    def _tokens(self, answer: _Answer, entry: Entry, count: int, now: float) -> None:
        latency = self.by_lane[answer.lane]
        # Every attempt before logged that it started, and nothing else.
        if entry.position.seq == entry.position.attempt + 1:
            first = _observed(latency.first_token_s, now - answer.created_at)
            self.by_lane[answer.lane] = replace(latency, first_token_s=first)
        elif answer.last_token_at is not None:
            between = _observed(latency.between_tokens_s, (now - answer.last_token_at) / count, count)
            self.by_lane[answer.lane] = replace(latency, between_tokens_s=between)
        answer.last_token_at = now


def _observed(histogram: Histogram, duration_s: float, times: int = 1) -> Histogram:
    """Two machines' clocks may disagree, and a clock may be set."""
    return histogram.observed(max(0.0, duration_s), times)


def _nothing_yet(lane: Lane) -> LaneLatency:
    return LaneLatency(
        lane=lane,
        queue_wait_s=Histogram.empty(_WAIT_S),
        first_token_s=Histogram.empty(_WAIT_S),
        between_tokens_s=Histogram.empty(_BETWEEN_S),
    )
