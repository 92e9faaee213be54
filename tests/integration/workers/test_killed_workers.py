"""Real worker processes, killed, frozen, hung and stopped: others go on from the last token that was logged."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from queue_config import keys
from queue_config.events import Finished, Started
from queue_config.lease import Leases
from queue_config.reaper import WORKERS_DIED
from tests.support.worker import Desk, a_request, wait_until
from tests.support.worker_process import KeptWorker, WorkerChild
from workers.rq_worker import slot_of
from workers.watchdog import STUCK

TEXT = "".join(chr(65 + i % 26) for i in range(300))


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def workers_of(desk: Desk, job_id: str) -> list[str]:
    """The slots that began it, one after the other; '' where it was taken from a dead worker."""
    begun = [event.worker for event in desk.events(job_id) if isinstance(event, Started)]
    return [slot_of(worker).rpartition("-")[2] for worker in begun]


def is_contiguous(desk: Desk, job_id: str) -> bool:
    return [entry.position.seq for entry in desk.log.read(job_id)] == list(range(1, len(desk.log.read(job_id)) + 1))


def live(desk: Desk) -> list[str]:
    return [slot_of(status.name).rpartition("-")[2] for status in Leases(desk.redis).live()]


def test_a_killed_workers_requests_are_finished_by_another_one(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    names = [f"msg_{index}" for index in range(4)]
    with WorkerChild(redis_url, tmp_path, "a") as first:
        for name in names:
            desk.queue.accept(a_request(name, TEXT))
        wait_until(lambda: all(len(desk.text(name)) > 5 for name in names), "tokens")
        with WorkerChild(redis_url, tmp_path, "b"):
            wait_until(lambda: live(desk) == ["a", "b"], "two workers")
            first.signal(signal.SIGKILL)
            ends = [desk.end(name) for name in names]

    assert ends == [Finished("end_turn", 301)] * 4
    assert [desk.text(name) for name in names] == [TEXT] * 4
    assert all(is_contiguous(desk, name) for name in names)
    assert [workers_of(desk, name) for name in names] == [["a", "", "b"]] * 4


def test_a_frozen_worker_is_overtaken_refused_and_comes_back(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    with WorkerChild(redis_url, tmp_path, "a") as first:
        desk.queue.accept(a_request("msg_1", TEXT))
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
        with WorkerChild(redis_url, tmp_path, "b"):
            wait_until(lambda: live(desk) == ["a", "b"], "two workers")
            first.signal(signal.SIGSTOP)
            wait_until(lambda: "b" in workers_of(desk, "msg_1"), "the takeover")
            first.signal(signal.SIGCONT)
            end = desk.end("msg_1")
            wait_until(lambda: live(desk) == ["a", "b"], "the return")
        # Of the two only the one that was frozen is left.
        desk.queue.accept(a_request("msg_2", "hello"))
        after = desk.end("msg_2")

    assert (end, desk.text("msg_1")) == (Finished("end_turn", 301), TEXT)
    assert is_contiguous(desk, "msg_1")
    assert int(desk.redis.get(keys.REFUSED) or 0) > 0
    assert (after, workers_of(desk, "msg_2")[-1]) == (Finished("end_turn", 6), "a")


def test_a_prompt_that_kills_workers_is_given_up_and_its_neighbours_are_not(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    names = [f"msg_{index}" for index in range(3)]
    for name in names:
        desk.queue.accept(a_request(name, TEXT))
    desk.queue.accept(a_request("msg_bad", "poison"))

    with KeptWorker(redis_url, tmp_path, engine="DeadlyEngine(EOS, 0.002)") as worker:
        ends = [desk.end(name) for name in ("msg_bad", *names)]
        deaths = worker.ends

    assert ends == [WORKERS_DIED, *[Finished("end_turn", 301)] * 3]
    assert [desk.text(name) for name in names] == [TEXT] * 3
    assert deaths == 3


def test_a_worker_whose_engine_hangs_ends_itself(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "hang"))
    with WorkerChild(redis_url, tmp_path, engine="DeadlyEngine(EOS, 0.002)", hang_s=2) as worker:
        status = worker.wait()

    assert status == STUCK
    assert live(desk) == []


def test_a_step_that_never_frees_the_interpreter_costs_no_lease(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", TEXT[:70]))
    with WorkerChild(redis_url, tmp_path, engine="GreedyEngine(EOS, 0.1)"):
        end = desk.end("msg_1")

    assert end == Finished("end_turn", 71)
    assert workers_of(desk, "msg_1") == ["gpu0"]


def test_a_worker_told_to_stop_twice_hands_back_at_once(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", TEXT))
    with WorkerChild(redis_url, tmp_path, "a", drain_s=600) as worker:
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
        worker.signal(signal.SIGTERM)
        wait_until(lambda: [status.draining for status in Leases(desk.redis).live()] == [True], "the drain")
        worker.signal(signal.SIGTERM)
        status = worker.wait()
    record = desk.redis.hmget("rq:job:msg_1", "status", "retries_left")

    assert (status, live(desk)) == (0, [])
    assert record == [b"queued", b"2"]
