"""Answers are charged to the key that asked for them, by the worker that gave them."""

from dataclasses import replace
from pathlib import Path

import redis as redis_py

from queue_config import keys
from queue_config.admission import Admission
from queue_config.api_keys import Limits
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

LIMITS = Limits(input_tokens_per_minute=1_000, output_tokens_per_minute=1_000)


def test_what_a_key_was_answered_is_taken_off_its_minute_but_for_batches(
    redis_url: str, redis: redis_py.Redis, tmp_path: Path
) -> None:
    desk = Desk(redis_url)
    admission = Admission(redis, max_waiting=10, max_waiting_tokens=10_000)
    admission.ask([], "mine", 0, LIMITS, leaves_room=True)
    now, later = a_request("msg_now", "hello"), a_request("msg_later", "hello", lane="batch")
    for request in (later, now):
        desk.queue.accept(replace(request, salt="mine"))

    with RunningWorker(redis_url, tmp_path):
        desk.end("msg_now")
        desk.end("msg_later")
        wait_until(lambda: redis.zcard(keys.DEADLINES) == 0, "the books to be closed")
    left = redis.hmget(keys.rate("mine"), "input", "output")
    desk.redis.close()

    assert [float(level or 0) for level in left] == [1_000 - len(now.prompt) - len(later.prompt), 1_000 - 6]
