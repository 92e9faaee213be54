"""Redis is killed and comes back later than any lease lasts: no worker is taken for dead because of that."""

import time
from pathlib import Path

from queue_config.events import Finished, Started
from queue_config.lease import TTL_S
from tests.support.redis_server import RedisServer
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

TEXT = "".join(chr(65 + i % 26) for i in range(1200))


def test_a_request_goes_on_in_the_same_attempt_when_redis_is_back(tmp_path: Path) -> None:
    with RedisServer(durable=True) as server, RunningWorker(server.url, tmp_path, step_s=0.01):
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
