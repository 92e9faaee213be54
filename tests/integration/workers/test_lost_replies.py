"""Redis falls silent at a command: done or not, no request is left lying with a worker that lives, or begun twice."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
import redis as redis_py

from queue_config.events import Expired, Finished
from tests.support.dead_worker import DeadWorker
from tests.support.deaf_redis import Loss, lose, lose_one, loses_one_multi
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

INTERACTIVE = "rq:queue:pensieve:echo:interactive"
both = pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    desk.queue.accept(a_request("msg_1"))
    yield desk
    desk.redis.close()


def executions(desk: Desk) -> int:
    return len(desk.rq_started().get_job_ids(cleanup=False))


@both
def test_a_claimed_request_is_started_once(desk: Desk, redis_url: str, is_done: bool) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "near.1")
    claimed = worker.claim()
    worker.use(loses_one_multi(redis_url, is_done=is_done))
    live = worker.begin(claimed)

    assert live is not None
    assert live.request.id == "msg_1"
    assert (desk.rq_status("msg_1"), executions(desk)) == ("started", 1)


@both
def test_what_a_worker_hands_back_waits_once(desk: Desk, redis_url: str, is_done: bool) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "near.1")
    live = worker.start()
    worker.use(loses_one_multi(redis_url, is_done=is_done))
    worker.hand_back(live)

    assert (desk.rq_status("msg_1"), executions(desk)) == ("queued", 0)
    assert desk.redis.lrange(INTERACTIVE, 0, -1) == [b"msg_1"]


@both
@pytest.mark.parametrize("lost", range(7))
def test_a_start_that_loses_any_of_its_replies_is_one_start(
    desk: Desk, redis_url: str, tmp_path: Path, lost: int, is_done: bool
) -> None:
    """It may take two attempts, if nobody but the log sees the first one."""
    # Slow enough for the first attempt to be under way when the start is repeated.
    running = RunningWorker(redis_url, tmp_path, step_s=0.1)
    lose_one(running.process.worker.connection, nth_of_intake(lost), is_done=is_done)
    with running:
        end = desk.end("msg_1")
        wait_until(lambda: desk.rq_status("msg_1") == "finished", "RQ's record")

    assert end == Finished("end_turn", 6)
    assert desk.text("msg_1") == "hello"
    assert running.process.publisher.refused == 0


@both
@pytest.mark.parametrize("lost", range(7))
def test_one_that_came_too_late_ends_once_whichever_reply_is_lost(
    desk: Desk, redis_url: str, tmp_path: Path, lost: int, is_done: bool
) -> None:
    desk.queue.accept(a_request("msg_late", deadline_s=0.0))
    running = RunningWorker(redis_url, tmp_path)
    lose_one(running.process.worker.connection, nth_of_intake(lost, "msg_late"), is_done=is_done)
    with running:
        end = desk.end("msg_late")
        desk.end("msg_1")
        wait_until(lambda: running.process.books.live == 0, "an end of everything")

    assert end == Expired(0)
    assert running.process.publisher.refused == 0


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_exact_and_nothing_is_left_while_any_command_may_be_lost(
    desk: Desk, redis_url: str, tmp_path: Path, seed: int
) -> None:
    texts = {"msg_1": "hello"} | {f"msg_{i}": f"answer {i} " * (i % 5 + 1) for i in range(2, 20)}
    for job_id, text in list(texts.items())[1:]:
        desk.queue.accept(a_request(job_id, text))
    running = RunningWorker(redis_url, tmp_path, step_s=0.01, max_batch=8)
    chance, losses = Random(seed), list[Loss]()

    def some(_sent: bytes) -> Loss | None:
        if chance.random() > 0.08:
            return None
        losses.append(chance.choice(("command", "reply")))
        return losses[-1]

    lose(running.process.worker.connection, some)
    with running:
        ends = {job_id: desk.end(job_id) for job_id in texts}
        wait_until(lambda: all(desk.rq_status(job_id) == "finished" for job_id in texts), "RQ's records")

    assert ends == {job_id: Finished("end_turn", len(text) + 1) for job_id, text in texts.items()}
    assert {job_id: desk.text(job_id) for job_id in texts} == texts
    assert (running.process.publisher.refused, executions(desk)) == (0, 0)
    assert desk.redis.keys("pensieve:claims:*") == []
    assert len(losses) > 5


def nth_of_intake(n: int, job_id: str = "msg_1") -> Callable[[bytes], bool]:
    """Picks the `n`-th command, counted from 0, that a worker's intake sends about a request."""
    seen = count()

    def is_it(sent: bytes) -> bool:
        return threading.current_thread().name == "intake" and job_id.encode() in sent and next(seen) == n

    return is_it
