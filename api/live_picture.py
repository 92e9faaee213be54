"""Live picture: the queue and the batch at one moment, and what went on over the last minutes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from queue_config.histogram import Histogram
from queue_config.job_queue import JobRecord
from queue_config.report import WorkerReport
from queue_config.waiting_list import WaitingLane

RECENT_S = 30.0
"""Over how long the time to the first token is taken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LivePicture:
    """What was read at one moment; no two are the same."""

    at: float
    """Unix seconds."""
    workers: tuple[WorkerReport, ...]
    lanes: tuple[WaitingLane, ...]
    waiting: tuple[JobRecord, ...]
    """The records of the first that wait, in the order in which workers take them."""
    first_token_s: float | None = None
    """The median of late; None where nothing began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment of the charts, all workers together; times in Unix seconds."""

    at: float
    decode_tokens_per_s: float
    prefill_tokens_per_s: float
    running: int
    waiting: int
    first_token_s: float | None
    kv_bytes: int
    cache_bytes: int

    @classmethod
    def of(cls, picture: LivePicture) -> Self:
        workers = picture.workers
        return cls(
            at=picture.at,
            decode_tokens_per_s=sum(worker.decode_tokens_per_s for worker in workers),
            prefill_tokens_per_s=sum(worker.prefill_tokens_per_s for worker in workers),
            running=sum(len(worker.rows) for worker in workers),
            waiting=sum(lane.count for lane in picture.lanes),
            first_token_s=picture.first_token_s,
            kv_bytes=sum(worker.kv_bytes for worker in workers),
            cache_bytes=sum(worker.cache_bytes for worker in workers),
        )


FirstTokens = dict[tuple[str, str], Histogram]
"""How long first tokens took, by worker and lane, since each worker began."""


def first_tokens(workers: Iterable[WorkerReport]) -> FirstTokens:
    return {(worker.worker, lane.lane): lane.first_token_s for worker in workers for lane in worker.latency}


def median_since(before: FirstTokens, now: FirstTokens) -> float | None:
    """The median of what was added in between, in seconds; a worker that began in between counts whole."""
    merged: Histogram | None = None
    for name, histogram in now.items():
        added = _added(before.get(name), histogram)
        merged = added if merged is None else _sum(merged, added)
    return None if merged is None else merged.quantile_s(0.5)


def _added(before: Histogram | None, now: Histogram) -> Histogram:
    if before is None or before.bounds_s != now.bounds_s or before.count > now.count:
        return now
    return now.minus(before)


def _sum(one: Histogram, other: Histogram) -> Histogram:
    if one.bounds_s != other.bounds_s:
        # Workers of different versions; the newer one's bounds are no better.
        return one
    return one.plus(other)
