"""The live feed: one reader for all who watch, and nobody sees others' ids."""

import time
from dataclasses import replace

from api.live_feed import LiveFeed
from api.live_picture import LivePicture, Sample, median_since
from api.wire import live as wire
from queue_config.connection import RedisError
from queue_config.histogram import Histogram
from queue_config.job_queue import JobRecord
from queue_config.report import WorkerReport
from queue_config.waiting_list import WaitingLane
from tests.support.live_report import row

WORKER = WorkerReport(
    worker="w", slot_id="s", model="m", device="cpu", pid=1, started_at=0.0, written_at=0.0, state="busy", slots=8
)
BOUNDS_S = (1.0, 2.0, 4.0)


def a_picture(*tenants: str, at: float = 0.0) -> LivePicture:
    """A running and a waiting request of each."""
    rows = tuple(row(number, tenant=tenant) for number, tenant in enumerate(tenants))
    waiting = tuple(
        JobRecord(
            id=f"msg_{tenant}", model="m", lane="batch", input_tokens=5, created_at=1.0, deadline_at=2.0,
            status="queued", tenant=tenant,
        )
        for tenant in tenants
    )  # fmt: skip
    lanes = (WaitingLane("interactive", 0, ()), WaitingLane("batch", len(tenants), ()))
    return LivePicture(at=at, workers=(replace(WORKER, rows=rows),), lanes=lanes, waiting=waiting)


def ids(seen: dict[str, object]) -> list[object]:
    rows, queue = seen["rows"], seen["queue"]
    assert isinstance(rows, list)
    assert isinstance(queue, list)
    return [shown["id"] for shown in [*rows, *queue]]


def test_a_tenant_sees_its_own_ids_and_that_there_are_others() -> None:
    picture = a_picture("a", "b")
    own = f"msg_{0:024}"

    assert ids(wire.picture(picture, "a")) == [own, None, "msg_a", None]
    assert ids(wire.picture(picture, None)) == [own, f"msg_{1:024}", "msg_a", "msg_b"]
    assert wire.picture(picture, "c")["waiting"] == {"interactive": 0, "batch": 2}


def test_nothing_that_is_told_names_a_tenant() -> None:
    assert "tenant-of-mine" not in repr(wire.picture(a_picture("tenant-of-mine"), None)).replace("msg_tenant", "")


def test_a_sample_takes_all_workers_together() -> None:
    twice = replace(a_picture("a"), workers=(replace(WORKER, decode_tokens_per_s=2.5, kv_bytes=3),) * 2)

    assert Sample.of(twice) == Sample(
        at=0.0,
        decode_tokens_per_s=5.0,
        prefill_tokens_per_s=0.0,
        running=0,
        waiting=1,
        first_token_s=None,
        kv_bytes=6,
        cache_bytes=0,
    )


def test_the_median_is_of_what_was_added_since() -> None:
    before = Histogram.empty(BOUNDS_S).observed(0.5, 100)
    key = ("w", "interactive")

    assert median_since({key: before}, {key: before.observed(3.0, 2)}) == 3.0
    assert median_since({key: before}, {key: before}) is None
    # A worker that was started again counts from nothing.
    assert median_since({key: before}, {key: Histogram.empty(BOUNDS_S).observed(1.5, 2)}) == 1.5
    assert median_since({}, {}) is None


class CountingReader:
    def __init__(self) -> None:
        self.reads = 0
        self.fails = False

    def __call__(self) -> LivePicture:
        self.reads += 1
        if self.fails:
            raise RedisError("away")
        return a_picture(at=float(self.reads))


def test_many_watchers_cost_no_more_reads_than_one() -> None:
    reader = CountingReader()
    feed = LiveFeed(reader)
    watchers = [feed.watch() for _ in range(50)]
    for watcher in watchers:
        while next(watcher) is None:
            pass
    seen = reader.reads
    for watcher in watchers:
        watcher.close()
    feed.close()

    # Fifty looked; the reader looked as often as the clock told it to.
    assert seen < len(watchers)
    assert len(feed.history()) >= 1


def test_a_feed_outlives_an_outage() -> None:
    reader = CountingReader()
    feed = LiveFeed(reader)
    watcher = feed.watch()
    while next(watcher) is None:
        pass
    reader.fails = True
    while next(watcher) is not None:
        pass
    reader.fails = False
    give_up_at = time.monotonic() + 20
    while next(watcher) is None:
        assert time.monotonic() < give_up_at
    watcher.close()
    feed.close()
