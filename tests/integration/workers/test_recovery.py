"""What a worker finds of a predecessor that was killed at any point."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from rq.job import Job
from rq.serializers import JSONSerializer

from queue_config import keys
from queue_config.claims import Claims
from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Failed, Finished, Started
from queue_config.lease import Leases, WorkerStatus
from queue_config.settings import Settings
from tests.support.worker import Desk, RunningWorker, a_request, wait_until
from workers.assembly import slot_id
from workers.rq_worker import PinnedWorker


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def a_dead_worker(desk: Desk, home: Path) -> PinnedWorker:
    """Books as a worker of the same slot leaves them when it is killed; it never writes again."""
    slot = slot_id(Settings(home=home))
    worker = PinnedWorker(desk.queue.queue_names, name=f"{slot}.1-1", connection=desk.redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    return worker


def test_killed_between_claim_and_start(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1"))
    with RunningWorker(redis_url, tmp_path) as worker:
        slot = slot_id(worker.settings)
        desk.end("msg_1")
    desk.queue.accept(a_request("msg_2"))
    taken = Claims(desk.redis, slot, desk.queue.queue_keys).take()

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_2")

    assert taken == "msg_2"
    assert end == Finished("end_turn", 6)
    assert not desk.redis.exists(keys.claims(slot))


@pytest.mark.parametrize("expired", [False, True], ids=["just now", "long ago"])
def test_killed_in_the_middle_of_an_answer(desk: Desk, redis_url: str, tmp_path: Path, expired: bool) -> None:
    dead = a_dead_worker(desk, tmp_path)
    desk.queue.accept(a_request("msg_1", "hello world"))
    Claims(desk.redis, "x", desk.queue.queue_keys).take()
    assert dead.begin("msg_1") is not None
    desk.log.append([
        Entry("msg_1", Position(1, 1), Started(1, dead.name)),
        Entry("msg_1", Position(1, 2), Delta(tuple(map(ord, "hello")), "hello")),
    ])  # fmt: skip
    if expired:  # a machine that was off for longer than RQ's heartbeats last
        for pattern in ("rq:execution:*", "rq:worker:*"):
            desk.redis.delete(*desk.redis.keys(pattern))

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")
        wait_until(lambda: desk.redis.zcard("rq:wip:pensieve:echo:interactive") == 0, "the registry")

    assert end == Finished("end_turn", 12)
    assert desk.text("msg_1") == "hello world"
    assert Job.fetch("msg_1", connection=desk.redis, serializer=JSONSerializer).retries_left == 1


def test_a_dead_predecessors_lease_goes_with_it(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    dead = a_dead_worker(desk, tmp_path)
    leases = Leases(desk.redis)
    status = {"name": dead.name, "model": "echo", "device": "cpu", "pid": 1, "waiting": 0, "running": 0, "slots": 1}
    leases.renew(WorkerStatus(**status, engine_age_s=0.0))  # type: ignore[arg-type]

    with RunningWorker(redis_url, tmp_path) as worker:
        wait_until(lambda: worker.process.worker.name in [lease.name for lease in leases.live()], "the new lease")
        live = [lease.name for lease in leases.live()]

    assert live == [worker.process.worker.name]


def test_killed_three_times_over_the_same_request(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1"))
    claims = Claims(desk.redis, "x", desk.queue.queue_keys)
    slot = slot_id(Settings(home=tmp_path))
    dead = a_dead_worker(desk, tmp_path)
    for _ in range(2):
        assert dead.begin(claims.take() or "") is not None
        PinnedWorker(desk.queue.queue_names, name=f"{slot}.2-2", connection=desk.redis).bury(slot, _never)
    assert dead.begin(claims.take() or "") is not None

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")

    assert isinstance(end, Failed)
    assert desk.queue.find("msg_1") is not None


def _never(job_id: str) -> None:
    raise AssertionError(f"{job_id} had attempts left")
