"""Redis is killed, loses the ends of logs, gets full: what was accepted goes on, in the same attempt, to its end."""

import random
import time
from pathlib import Path

import redis as redis_py

from queue_config import keys
from queue_config.errors import Overloaded
from queue_config.events import Finished, Started
from queue_config.lease import TTL_S
from tests.support.redis_server import RedisServer
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

TEXT = "".join(chr(65 + i % 26) for i in range(1200))


def test_a_request_goes_on_in_the_same_attempt_when_redis_is_back(tmp_path: Path) -> None:
    with RedisServer(durable=True) as server, RunningWorker(server.service_url, tmp_path, step_s=0.01):
        before = Desk(server.url)
        before.queue.accept(a_request("msg_1", TEXT))
        wait_until(lambda: len(before.text("msg_1")) > 5, "tokens")
        server.kill()
        time.sleep(TTL_S + 1)
        server.start()
        desk = Desk(server.url)
        end = desk.end("msg_1")
        started = [event.attempt for event in desk.events("msg_1") if isinstance(event, Started)]
        text, retries = desk.text("msg_1"), desk.redis.hget("rq:job:msg_1", "retries_left")
        before.redis.close()
        desk.redis.close()

    assert (end, text) == (Finished("end_turn", 1201), TEXT)
    assert (started, retries) == ([1], b"2")


def test_a_log_that_has_lost_its_end_is_written_again(redis: redis_py.Redis, redis_url: str, tmp_path: Path) -> None:
    desk = Desk(redis_url)
    desk.queue.accept(a_request("msg_1", TEXT[:200]))
    log = keys.events("msg_1")
    with RunningWorker(redis_url, tmp_path, step_s=0.01):
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
        # What a replica has that is a moment behind when it becomes the master.
        replicated = redis.dump(log) or b""
        wait_until(lambda: len(desk.text("msg_1")) > 20, "more tokens")
        redis.restore(log, 600_000, replicated, replace=True)
        end = desk.end("msg_1")
    numbers = [entry.position.seq for entry in desk.log.read("msg_1")]
    text = desk.text("msg_1")
    desk.redis.close()

    assert (end, text) == (Finished("end_turn", 201), TEXT[:200])
    assert numbers == list(range(1, len(numbers) + 1))


def accept_until_refused(desk: Desk) -> list[str]:
    # RQ compresses what it keeps.
    any_char = random.Random(7)
    accepted: list[str] = []
    while len(accepted) < 1000:
        text = "".join(chr(any_char.randrange(0x100, 0xD000)) for _ in range(1000))
        job_id = f"msg_{len(accepted)}"
        try:
            desk.queue.accept(a_request(job_id, text, max_tokens=40))
        except Overloaded:
            break
        accepted.append(job_id)
    return accepted


def test_what_was_accepted_until_redis_was_nearly_full_still_fits(tmp_path: Path) -> None:
    with RedisServer() as server, redis_py.Redis.from_url(server.url) as admin:
        admin.config_set("maxmemory", 4_000_000)
        desk = Desk(server.url)
        accepted = accept_until_refused(desk)
        with RunningWorker(server.url, tmp_path, step_s=0.0):
            ends = {type(desk.end(job_id)) for job_id in accepted}
        refusals = admin.info("errorstats").get("errorstat_OOM")
        desk.redis.close()

    assert 20 < len(accepted) < 1000
    assert (ends, refusals) == ({Finished}, None)
