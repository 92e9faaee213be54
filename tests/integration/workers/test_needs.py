"""A worker takes what it can serve; the rest keeps its place for one that can."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import redis as redis_py

from queue_config.claims import Claims
from queue_config.events import Finished
from queue_config.lease import Leases
from queue_config.request import FORMAT, understood
from tests.support.dead_worker import a_status
from tests.support.worker import Desk, RunningWorker, a_request

QUEUE = "rq:queue:pensieve:echo:interactive"


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def accept(desk: Desk, job_id: str, *, fingerprint: str = "", written_as: int = FORMAT) -> None:
    desk.queue.accept(replace(a_request(job_id), fingerprint=fingerprint))
    desk.redis.hset(f"rq:job:{job_id}", "needs", f"{written_as} {fingerprint}".strip())


def waiting(desk: Desk) -> list[bytes]:
    return cast(list[bytes], desk.redis.lrange(QUEUE, 0, -1))


def a_claimer(desk: Desk, name: str, fingerprint: str) -> Claims:
    assert Leases(desk.redis).enrol(a_status(name))
    return Claims(desk.redis, name, [QUEUE], understood(fingerprint))


def test_each_worker_takes_the_first_request_that_it_can_serve(desk: Desk) -> None:
    one, two = a_claimer(desk, "one.1", "aaaa"), a_claimer(desk, "two.1", "bbbb")
    for job_id, fingerprint in (("msg_b", "bbbb"), ("msg_any", ""), ("msg_a", "aaaa")):
        accept(desk, job_id, fingerprint=fingerprint)
    taken = [claims.take() for claims in (one, one, one, two, two)]

    assert taken == ["msg_any", "msg_a", None, "msg_b", None]
    assert (one.held(), two.held()) == (["msg_any", "msg_a"], ["msg_b"])


def test_a_request_of_a_newer_version_waits_for_a_newer_worker(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    accept(desk, "msg_new", written_as=FORMAT + 1)
    accept(desk, "msg_old")
    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_old")
    left = waiting(desk)
    record = desk.queue.find("msg_new")

    assert (end, left) == (Finished("end_turn", 6), [b"msg_new"])
    assert record is not None
    assert (record.status, desk.events("msg_new")) == ("queued", [])


def test_what_was_accepted_before_requests_stated_needs_is_taken_by_anybody(desk: Desk) -> None:
    claims = a_claimer(desk, "one.1", "aaaa")
    accept(desk, "msg_1")
    desk.redis.hdel("rq:job:msg_1", "needs")

    assert claims.take() == "msg_1"
