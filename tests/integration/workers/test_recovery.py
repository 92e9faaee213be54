"""What a worker finds of a predecessor that was killed at any point."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from queue_config import keys
from queue_config.events import Finished
from queue_config.lease import Leases
from queue_config.pieces import TextPiece
from queue_config.reaper import WORKERS_DIED, Reaper
from queue_config.settings import Settings
from tests.support.dead_worker import DeadWorker
from tests.support.worker import Desk, RunningWorker, a_request, wait_until
from workers.assembly import slot_id


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def a_predecessor(desk: Desk, home: Path, number: int = 1) -> DeadWorker:
    """Of the same slot; its lease stands when its successor starts."""
    return DeadWorker(desk.redis, desk.queue, f"{slot_id(Settings(home=home))}.{number}-1")


def test_killed_between_claim_and_start(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    dead = a_predecessor(desk, tmp_path)
    desk.queue.accept(a_request("msg_1"))
    dead.claim()

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")

    assert end == Finished("end_turn", 6)
    assert not desk.redis.exists(keys.claims(dead.name))
    assert desk.rq_job("msg_1").retries_left == 2


@pytest.mark.parametrize("expired", [False, True], ids=["just now", "long ago"])
def test_killed_in_the_middle_of_an_answer(desk: Desk, redis_url: str, tmp_path: Path, expired: bool) -> None:
    dead = a_predecessor(desk, tmp_path)
    desk.queue.accept(a_request("msg_1", "hello world"))
    dead.say(map(ord, "hello"), (TextPiece("hello"),))
    if expired:  # a machine that was off for longer than RQ's heartbeats last
        for pattern in ("rq:execution:*", "rq:worker:*"):
            desk.redis.delete(*desk.redis.keys(pattern))

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")
        wait_until(lambda: desk.redis.zcard("rq:wip:pensieve:echo:interactive") == 0, "the registry")

    assert end == Finished("end_turn", 12)
    assert desk.text("msg_1") == "hello world"
    assert desk.rq_job("msg_1").retries_left == 1


def test_a_dead_predecessors_lease_goes_with_it(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    a_predecessor(desk, tmp_path)
    leases = Leases(desk.redis)

    with RunningWorker(redis_url, tmp_path) as worker:
        wait_until(lambda: worker.process.worker.name in [lease.name for lease in leases.live()], "the new lease")
        live = [lease.name for lease in leases.live()]

    assert live == [worker.process.worker.name]


def test_killed_three_times_over_the_same_request(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1"))
    for number in range(3):
        a_predecessor(desk, tmp_path, number).say()
        with RunningWorker(redis_url, tmp_path, max_batch=0):  # buries, and takes nothing itself
            pass
    ended = desk.events("msg_1")[-1]

    assert ended == WORKERS_DIED
    assert desk.rq_status("msg_1") == "failed"


def test_a_request_whose_workers_died_twice_begins_alone(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_bad", "poison"))
    for number in range(2):
        a_predecessor(desk, tmp_path, number).say()
        with RunningWorker(redis_url, tmp_path, max_batch=0):
            pass
    names = [f"msg_{index}" for index in range(3)]
    for name in names:
        desk.queue.accept(a_request(name, "x" * 50))

    with RunningWorker(redis_url, tmp_path):
        ends = [desk.end(name) for name in ("msg_bad", *names)]

    began = [desk.rq_job(name).started_at for name in names]
    trial_at = desk.rq_job("msg_bad").started_at
    assert ends == [Finished("end_turn", 7), *[Finished("end_turn", 51)] * 3]
    assert trial_at is not None
    assert all(at is not None and at > trial_at for at in began)


def test_requests_that_got_far_with_their_second_worker_go_on_together(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    text = "x" * 150
    for name in ("msg_1", "msg_2"):
        desk.queue.accept(a_request(name, text))
    for number in range(2):
        dead = a_predecessor(desk, tmp_path, number)
        for _ in range(2):
            dead.say(map(ord, text[:40]), (TextPiece(text[:40]),))
        dead.die()
        Reaper(desk.redis, result_ttl_s=600, live_ttl_s=600).bury([dead.name])
    with RunningWorker(redis_url, tmp_path, step_s=0.005):
        ends = [desk.end(name) for name in ("msg_1", "msg_2")]
        wait_until(lambda: desk.redis.zcard("rq:wip:pensieve:echo:interactive") == 0, "the registry")

    first, second = sorted((desk.rq_job(name) for name in ("msg_1", "msg_2")), key=lambda job: str(job.started_at))
    assert ends == [Finished("end_turn", 151)] * 2
    assert first.ended_at is not None
    assert second.started_at is not None
    assert second.started_at < first.ended_at
