"""Reporter: puts a worker's report together about four times a second, from what its threads left to be read."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from queue_config.report import WorkerReport
from queue_config.rounds import Rounds
from workers.engine import Engine
from workers.report_engine import EngineView, row_report
from workers.report_latency import Latencies

REPORT_S = 0.25
AT_REST_S = 1.0
"""How often it is written where nothing changes."""
RATE_WINDOW_S = 2.0


class Rate:
    """How fast a count has grown over the last two seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def per_s(self, count: int, at: float) -> float:
        """`count` is what it is at `at`, in any seconds that never go back."""
        self._seen.append((at, count))
        while len(self._seen) > 2 and self._seen[1][0] <= at - RATE_WINDOW_S:
            self._seen.popleft()
        began_at, began = self._seen[0]
        return (count - began) / (at - began_at) if at > began_at else 0.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What of a worker's report never changes."""

    worker: str
    slot_id: str
    model: str
    pid: int
    slots: int
    started_at: float


class Reporter:
    """A thread of its own calls `turn`, since the lease must wait for nothing.

    `write` may fail, as it waits for Redis; nothing else of the worker waits for it.
    """

    def __init__(
        self,
        identity: Identity,
        engine: Engine,
        view: Callable[[], EngineView],
        latencies: Latencies,
        state: Callable[[], tuple[bool, int]],
        write: Callable[[WorkerReport], None],
    ) -> None:
        """`state` says whether the worker is draining, and how many of its writes were refused."""
        self._identity = identity
        self._device, self._kv_limit_bytes = engine.device, engine.kv.budget_bytes
        self._view = view
        self._latencies = latencies
        self._state = state
        self._write = write
        self._prefill, self._decode = Rate(), Rate()
        self._last: WorkerReport | None = None

    def turn(self) -> float:
        """Write a report if there is something to say; return when to come back, in seconds."""
        report = self.report(time.time(), time.monotonic())
        last = self._last
        if last is None or report.written_at - last.written_at >= AT_REST_S or not _same(report, last):
            self._write(report)
            self._last = report
        return REPORT_S

    def report(self, now: float, at: float) -> WorkerReport:
        """`now` is Unix seconds, `at` any seconds that never go back."""
        view, identity = self._view(), self._identity
        is_draining, refused = self._state()
        return WorkerReport(
            **asdict(identity),
            device=self._device,
            written_at=now,
            state="draining" if is_draining else "busy" if view.rows else "idle",
            rows=tuple(sorted(map(row_report, view.rows), key=lambda row: (row.accepted_at, row.id))),
            **asdict(view.usage),
            kv_limit_bytes=self._kv_limit_bytes,
            steps=view.steps,
            prefill_tokens=view.prefill_tokens,
            decode_tokens=view.decode_tokens,
            prefill_tokens_per_s=round(self._prefill.per_s(view.prefill_tokens, at), 2),
            decode_tokens_per_s=round(self._decode.per_s(view.decode_tokens, at), 2),
            cache_hits=view.cache_hits,
            cache_misses=view.cache_misses,
            cache_read_tokens=view.cache_read_tokens,
            refused=refused,
            latency=tuple(self._latencies.by_lane.values()),
        )


def reporter_thread(reporter: Reporter) -> Rounds:
    """Not started."""
    return Rounds("report", reporter.turn, failed_pause_s=AT_REST_S)


def _same(one: WorkerReport, other: WorkerReport) -> bool:
    """Whether they differ in nothing but the time."""
    return one == replace(other, written_at=one.written_at)
