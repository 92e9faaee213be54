"""Requests of message batches leave places free for whoever comes along."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from queue_config.control import Control
from queue_config.events import Finished
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

LONG = "x" * 5_000


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def test_an_interactive_request_finds_a_place_while_a_batch_has_all_it_may(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    batch = [f"msg_{n}" for n in range(6)]
    for job_id in batch:
        desk.queue.accept(a_request(job_id, LONG, lane="batch"))

    with RunningWorker(redis_url, tmp_path, max_batch=4):
        wait_until(lambda: sum(bool(desk.events(job_id)) for job_id in batch) == 3, "three of the batch")
        desk.queue.accept(a_request("msg_now", "hello"))
        end = desk.end("msg_now")
        began = [job_id for job_id in batch if desk.events(job_id)]
        ended = [job_id for job_id in began if isinstance(desk.events(job_id)[-1], Finished)]
        for job_id in batch:
            Control(desk.redis).cancel(job_id)

    assert isinstance(end, Finished)
    assert (len(began), ended) == (3, [])


def test_a_place_that_a_batch_gives_back_goes_to_its_next_request(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    batch = [f"msg_{n}" for n in range(40)]
    for job_id in batch:
        desk.queue.accept(a_request(job_id, "hello", lane="batch"))

    with RunningWorker(redis_url, tmp_path, max_batch=1):
        ends = [desk.end(job_id) for job_id in batch]

    assert ends == [Finished("end_turn", 6)] * 40
