"""Lines that are logged while a request is answered name it."""

import logging
from typing import Any

from flask import Flask, g

from api.request_log import RequestIds


def named(**extra: Any) -> Any:
    record = logging.makeLogRecord(extra)

    assert RequestIds().filter(record)
    return getattr(record, "request_id", None)


def test_a_record_gets_the_request_at_hand_and_keeps_one_that_it_has() -> None:
    app = Flask("test")
    outside = named()
    with app.test_request_context():
        before = named()
        g.request_id = "req_1"
        found = [named(), named(request_id="req_2")]

    assert (outside, before, found) == (None, None, ["req_1", "req_2"])
