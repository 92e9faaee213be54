"""What any process takes from dead workers, whoever they were, and however many look at the same time."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import redis as redis_py
from rq.registry import FailedJobRegistry, FinishedJobRegistry
from rq.worker import Worker

from queue_config import keys
from queue_config.event_log import Entry, Position
from queue_config.events import Canceled, Delta, Finished, Started
from queue_config.lease import Leases
from queue_config.pieces import TextPiece
from queue_config.reaper import TRUST_S, WORKERS_DIED, Reaper
from tests.support.dead_worker import DeadWorker, a_status
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

QUEUE = "rq:queue:pensieve:echo:interactive"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def a_reaper(desk: Desk, clock: Clock | None = None) -> Reaper:
    return Reaper(desk.redis, result_ttl_s=600, live_ttl_s=600, clock=clock or Clock())


def waiting(desk: Desk) -> list[str]:
    return [item.decode() for item in cast(list[bytes], desk.redis.lrange(QUEUE, 0, -1))]


def started(desk: Desk) -> list[tuple[str, str]]:
    return desk.rq_started().get_job_and_execution_ids(cleanup=False)


def test_what_a_dead_worker_had_goes_to_the_front_in_its_order(desk: Desk) -> None:
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    for number in range(4):
        desk.queue.accept(a_request(f"msg_{number}"))
    dead.say()
    dead.start()
    dead.claim()
    dead.die()

    a_reaper(desk).bury([dead.name])

    assert waiting(desk) == ["msg_0", "msg_1", "msg_2", "msg_3"]
    assert [desk.rq_status(f"msg_{number}") for number in range(4)] == ["queued"] * 4
    assert [desk.redis.hget(f"rq:job:msg_{n}", "retries_left") for n in range(4)] == [b"1", b"1", b"2", b"2"]
    assert (started(desk), Worker.all(connection=desk.redis)) == ([], [])
    assert desk.redis.keys("pensieve:claims:*") + desk.redis.keys("rq:execution*") == []


def test_a_worker_whose_lease_stands_keeps_what_it_has(desk: Desk) -> None:
    alive = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    alive.say()

    a_reaper(desk).bury([alive.name])

    assert (waiting(desk), desk.rq_status("msg_1")) == ([], "started")


def test_many_reapers_at_once_take_everything_once(desk: Desk) -> None:
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    names = [f"msg_{number}" for number in range(20)]
    for name in names:
        desk.queue.accept(a_request(name))
    for _ in names:
        dead.say()
    dead.die()

    threads = [threading.Thread(target=a_reaper(desk).bury, args=([dead.name],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(waiting(desk)) == sorted(names)
    assert {desk.redis.hget(f"rq:job:{name}", "retries_left") for name in names} == {b"1"}
    assert [len(desk.events(name)) for name in names] == [2] * 20


def test_whoever_wakes_up_is_refused_from_the_burial_on(desk: Desk) -> None:
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    dead.say()
    dead.die()
    a_reaper(desk).bury([dead.name])
    late = Entry("msg_1", Position(1, 2), Delta((104,), (TextPiece("h"),)))

    assert desk.log.append([late]) == [late]
    assert desk.redis.get(keys.REFUSED) == b"1"
    assert desk.events("msg_1") == [Started(1, "far.1"), Started(2, "")]


def test_a_buried_worker_may_neither_renew_nor_claim_nor_start(desk: Desk) -> None:
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    claimed = dead.claim()
    dead.die()
    a_reaper(desk).bury([dead.name])

    assert not Leases(desk.redis).renew(a_status(dead.name))
    assert dead.begin(claimed) is None
    assert waiting(desk) == ["msg_1"]


def test_books_are_closed_on_what_had_ended_in_its_log(desk: Desk) -> None:
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    for name, end in (("msg_1", Finished("end_turn", 0)), ("msg_2", Canceled(0))):
        desk.queue.accept(a_request(name))
        dead.say()
        desk.log.append([Entry(name, Position(1, 2), end)])
    dead.die()

    a_reaper(desk).bury([dead.name])

    assert [desk.rq_status(name) for name in ("msg_1", "msg_2")] == ["finished", "stopped"]
    assert (waiting(desk), started(desk)) == ([], [])
    assert "msg_1" in FinishedJobRegistry("pensieve:echo:interactive", desk.redis)


def test_the_third_death_ends_the_request_in_its_log_and_in_rqs_books(desk: Desk) -> None:
    desk.queue.accept(a_request("msg_1"))
    for number in range(3):
        dead = DeadWorker(desk.redis, desk.queue, f"far.{number}")
        dead.say()
        dead.die()
        a_reaper(desk).bury([dead.name])
    job = desk.rq_job("msg_1")
    result = job.latest_result()

    assert desk.events("msg_1")[-1] == WORKERS_DIED
    assert (waiting(desk), job.get_status().value) == ([], "failed")
    assert "msg_1" in FailedJobRegistry("pensieve:echo:interactive", desk.redis)
    assert result is not None
    assert result.exc_string == "its workers died"
    assert 0 < desk.redis.ttl("rq:job:msg_1") <= 600


def test_a_missing_lease_counts_only_after_redis_has_been_there_for_a_while(desk: Desk) -> None:
    clock = Clock()
    reaper = a_reaper(desk, clock)
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    dead.say()
    dead.die()
    seen = []
    for now in (1.0, 2.0, TRUST_S, 20.0, 21.0, 22.0, 23.0):  # Redis was away for a while in between
        clock.now = now
        if now == 20.0:
            other = DeadWorker(desk.redis, desk.queue, "far.2")
            desk.queue.accept(a_request("msg_2"))
            other.start()
            other.die()
        reaper.turn()
        seen.append(len(waiting(desk)))

    # The second worker took what the first one had; what was accepted waits.
    assert seen == [0, 0, 1, 1, 1, 1, 2]


def test_what_rq_failed_by_itself_gets_its_end(desk: Desk) -> None:
    clock = Clock()
    reaper = a_reaper(desk, clock)
    dead = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    dead.say()
    desk.redis.hset("rq:job:msg_1", "retries_left", 0)
    desk.rq_started().cleanup(timestamp=10**12)

    for now in (1.0, 2.0, TRUST_S):
        clock.now = now
        reaper.turn()

    assert desk.rq_status("msg_1") == "failed"
    assert desk.events("msg_1")[-1] == WORKERS_DIED


def test_what_ended_long_ago_is_forgotten_and_gets_no_second_end(desk: Desk) -> None:
    clock = Clock()
    reaper = a_reaper(desk, clock)
    desk.queue.accept(a_request("msg_1"))
    desk.redis.hset("rq:job:msg_1", "status", "failed")
    desk.redis.zadd("rq:failed:pensieve:echo:interactive", {"msg_0": time.time() - 1, "msg_1": time.time() + 5})

    for now in (1.0, 2.0, TRUST_S):
        clock.now = now
        reaper.turn()

    assert desk.redis.zrange("rq:failed:pensieve:echo:interactive", 0, -1) == [b"msg_1"]
    assert desk.events("msg_0") + desk.events("msg_1") == []


def test_rqs_own_clean_up_leaves_a_running_request_alone(desk: Desk) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    worker.say()

    assert (desk.rq_started().count, desk.rq_status("msg_1")) == (1, "started")


def test_a_worker_that_was_buried_alive_comes_back_and_finishes(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    text = "".join(chr(65 + i % 26) for i in range(200))
    desk.queue.accept(a_request("msg_1", text))
    with RunningWorker(redis_url, tmp_path, step_s=0.01) as worker:
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
        name = worker.process.worker.name
        Leases(desk.redis).end(name)
        a_reaper(desk).bury([name])
        end = desk.end("msg_1")
        wait_until(lambda: [status.name for status in Leases(desk.redis).live()] == [name], "its lease")
        listed = [found.name for found in Worker.all(connection=desk.redis)]

    assert (end, desk.text("msg_1")) == (Finished("end_turn", 201), text)
    assert [event.attempt for event in desk.events("msg_1") if isinstance(event, Started)] == [1, 2, 3]
    assert listed == [name]
