"""Lines of logs, for machines and for people."""

import json
import logging

from queue_config.logs import JsonFormatter, TextFormatter


def a_record(message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("workers", logging.WARNING, "", 0, message, None, None)
    record.created = 1_795_315_400.25
    vars(record).update(extra)
    return record


def test_json_has_the_fields_of_the_call_as_members() -> None:
    line = JsonFormatter("worker").format(a_record("fenced\nforged", job="msg_1"))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-11-22T02:43:20.250+00:00",
        "level": "warning",
        "process": "worker",
        "logger": "workers",
        "message": "fenced\nforged",
        "job": "msg_1",
    }


def test_a_line_begins_with_its_request() -> None:
    record = a_record("fenced", job="msg_1", request_id="req_1")

    assert JsonFormatter("worker").format(record).startswith('{"request_id":"req_1","time":"2026-')
    assert json.loads(JsonFormatter("worker").format(record))["job"] == "msg_1"
    assert TextFormatter().format(record) == "02:43:20.250 WARNING req_1 fenced job=msg_1"


def test_text_is_one_line_whatever_its_fields_hold() -> None:
    line = TextFormatter().format(a_record("fenced\x1b[2J", job="msg\r\n1"))

    assert line == "02:43:20.250 WARNING fenced\\x1b[2J job=msg\\r\\n1"


def test_a_stack_trace_follows_its_line() -> None:
    record = a_record("died")
    try:
        int("why")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)

    first, *rest = TextFormatter().format(record).splitlines()
    assert first == "02:43:20.250 WARNING died"
    assert (rest[0], rest[-1]) == (
        "Traceback (most recent call last):",
        "ValueError: invalid literal for int() with base 10: 'why'",
    )
