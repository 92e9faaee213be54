"""A worker's logs, whatever happens to a request, hold nothing of what was asked or answered."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import redis as redis_py

from queue_config.request import AnswerPlan
from tests.support.worker import Desk, RunningWorker, a_request

CANARY = "canaryinthemine"


def test_no_log_holds_a_prompt_or_an_answer_at_any_level(
    redis_url: str, redis: redis_py.Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(redis_url)
    caplog.set_level(logging.DEBUG)
    held = replace(a_request("msg_held", CANARY), answer=AnswerPlan(grammar=CANARY))
    with RunningWorker(redis_url, tmp_path):
        for request in (a_request("msg_plain", CANARY), held, a_request("msg_stopped", CANARY, stop=(CANARY[:5],))):
            desk.queue.accept(request)
            desk.end(request.id)
    desk.redis.close()
    spelled = ", ".join(str(ord(char)) for char in CANARY)

    assert "msg_plain" in str([vars(record) for record in caplog.records])
    assert CANARY not in str([vars(record) for record in caplog.records])
    assert spelled not in str([vars(record) for record in caplog.records])
