"""Redis falls silent in the middle of a MULTI: done or not, no request is left lying with a worker that lives."""

from collections.abc import Iterator

import pytest
import redis as redis_py
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from tests.support.dead_worker import DeadWorker
from tests.support.deaf_redis import loses_one_multi
from tests.support.worker import Desk, a_request

INTERACTIVE = "rq:queue:pensieve:echo:interactive"
both = pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    desk.queue.accept(a_request("msg_1"))
    yield desk
    desk.redis.close()


def status(desk: Desk) -> str:
    return Job.fetch("msg_1", connection=desk.redis, serializer=JSONSerializer).get_status().value


def executions(desk: Desk) -> int:
    registry = StartedJobRegistry("pensieve:echo:interactive", connection=desk.redis, serializer=JSONSerializer)
    return len(registry.get_job_ids(cleanup=False))


@both
def test_a_claimed_request_is_started_once(desk: Desk, redis_url: str, is_done: bool) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "near.1")
    claimed = worker.claim()
    worker.use(loses_one_multi(redis_url, is_done=is_done))
    live = worker.begin(claimed)

    assert live is not None
    assert live.request.id == "msg_1"
    assert (status(desk), executions(desk)) == ("started", 1)


@both
def test_what_a_worker_hands_back_waits_once(desk: Desk, redis_url: str, is_done: bool) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "near.1")
    live = worker.start()
    worker.use(loses_one_multi(redis_url, is_done=is_done))
    worker.hand_back(live)

    assert (status(desk), executions(desk)) == ("queued", 0)
    assert desk.redis.lrange(INTERACTIVE, 0, -1) == [b"msg_1"]
