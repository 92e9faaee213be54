"""Pickles planted wherever a worker or a reaper reads: they stay bytes, and whatever they were planted in ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from rq.serializers import DefaultSerializer

from queue_config import keys, rq_keys
from queue_config.deadlines import Deadlines
from queue_config.events import Finished
from queue_config.reaper import Reaper
from queue_config.unreadable import LOST
from tests.support.dead_worker import DeadWorker
from tests.support.planted_pickle import Bait
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

QUEUE = "pensieve:echo:interactive"
VITAL = ("data", "dependency_ids", "retries_left", "timeout", "status", "created_at", "result_ttl", "repeats_left")
"""Without these of its fields RQ can't read a record."""
ASIDE = ("meta", "result", "webhooks")
"""Without these it can."""
NAMES = ("origin", "description", "worker_name", "exc_info", "success_callback_name", "stopped_callback_name")
"""Text, as which RQ reads a pickle that is ASCII."""


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


@pytest.fixture
def bait(tmp_path: Path) -> Bait:
    return Bait(tmp_path)


def test_the_bait_is_what_rqs_default_would_swallow(bait: Bait) -> None:
    before = bait.sprung
    DefaultSerializer.loads(bait.values[0])

    assert (before, bait.sprung) == (False, True)


def plant(desk: Desk, bait: Bait, fields: tuple[str, ...]) -> list[str]:
    """A request for each field and wrapping; return their ids."""
    places = [(field, value) for field in fields for value in bait.values]
    ids = [f"msg_{number}" for number in range(len(places))]
    for job_id, (field, value) in zip(ids, places, strict=True):
        desk.queue.accept(a_request(job_id, "ok"))
        desk.redis.hset(f"rq:job:{job_id}", field, value)
    return ids


@pytest.mark.parametrize(
    ("fields", "ends"),
    [(VITAL, {LOST}), (ASIDE, {Finished("end_turn", 3)}), (NAMES, {LOST, Finished("end_turn", 3)})],
    ids=["vital", "aside", "names"],
)
def test_in_the_record_of_a_request(
    desk: Desk, redis_url: str, tmp_path: Path, bait: Bait, fields: tuple[str, ...], ends: set[object]
) -> None:
    planted = plant(desk, bait, fields)
    desk.queue.accept(a_request("msg_good"))
    with RunningWorker(redis_url, tmp_path) as worker:
        good = desk.end("msg_good")
        found = {desk.end(job_id) for job_id in planted}
        wait_until(lambda: not worker.process.books.live, "closed books")

    assert (good, found) == (Finished("end_turn", 6), ends)
    assert not bait.sprung
    assert desk.redis.keys("pensieve:claims:*") == []
    assert {desk.redis.hget(f"rq:job:{job_id}", "status") for job_id in planted} <= {b"failed", b"finished"}


def test_in_the_log_of_a_request(desk: Desk, redis_url: str, tmp_path: Path, bait: Bait) -> None:
    ids = [f"msg_{number}" for number in range(len(bait.values))]
    for job_id, value in zip(ids, bait.values, strict=True):
        desk.queue.accept(a_request(job_id))
        desk.redis.xadd(keys.events(job_id), {"e": value}, "1-1")
    with RunningWorker(redis_url, tmp_path) as worker:
        ends = {desk.end(job_id) for job_id in ids}
        wait_until(lambda: not worker.process.books.live, "closed books")

    assert ends == {LOST}
    assert not bait.sprung
    assert set(desk.log.endings(ids).values()) == {LOST}


def test_in_what_a_dead_worker_leaves(desk: Desk, bait: Bait) -> None:
    """In the records of what it had, and in every list, set and sorted set that leads there."""
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_good"))
    dead.start()
    for _ in plant(desk, bait, ("data", "meta", "origin")):
        dead.claim()
    dead.die()
    for value in bait.values:
        desk.redis.sadd(keys.BURIED, value)
        desk.redis.sadd(rq_keys.QUEUES, b"rq:queue:pensieve:" + value)
        desk.redis.sadd(rq_keys.worker_executions(dead.name), value)
        desk.redis.rpush(keys.claims(dead.name), value)
        desk.redis.zadd(rq_keys.started(QUEUE), {value: 1})
        desk.redis.zadd(keys.DEADLINES, {value: 1})
    Reaper(desk.redis, result_ttl_s=600, live_ttl_s=600).bury([dead.name])
    Deadlines(desk.redis, desk.log, result_ttl_s=600).turn()

    assert not bait.sprung
    assert desk.redis.hget("rq:job:msg_good", "status") == b"queued"
    assert desk.redis.lpos(rq_keys.queue(QUEUE), "msg_good") is not None
