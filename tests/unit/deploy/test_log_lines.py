"""The logs of several processes, read as one."""

import time
from datetime import UTC, datetime

from deploy.log_lines import LogLine, merged, timed

AT = datetime(2026, 11, 22, 5, 41, 0, 250_000, tzinfo=UTC).timestamp()
LOCAL = datetime.fromtimestamp(AT)  # noqa: DTZ006 - as Redis and supervisord write it


def times(*lines: str) -> list[float]:
    return [round(line.at - AT, 3) for line in timed("x", lines, since=AT - 1)]


def test_every_process_s_way_to_write_a_time_is_read() -> None:
    assert times('{"time":"2026-11-22T05:41:00.250+00:00","message":"m"}') == [0.0]
    assert times(f"{LOCAL:%Y-%m-%d %H:%M:%S},250 INFO spawned: 'api'") == [0.0]
    assert times(f"77:M {LOCAL:%d %b %Y %H:%M:%S}.250 * Ready to accept connections") == [0.0]


def test_the_text_format_s_clock_is_the_last_time_that_it_showed() -> None:
    now = datetime.now(UTC)
    (line,) = timed("api", [f"{now:%H:%M:%S}.000 INFO    ready"])

    assert abs(time.time() - line.at) < 86_400 / 2


def test_a_line_without_a_time_belongs_to_the_one_before() -> None:
    stamp = '{"time":"2026-11-22T05:41:00.250+00:00","message":"m"}'

    assert times("Traceback", stamp, "  File x", "[1]", "{not json") == [-1.0, 0.0, 0.0, 0.0, 0.0]


def test_lines_are_merged_by_time_and_otherwise_left_in_order() -> None:
    a, b = [LogLine("a", at, str(at)) for at in (1.0, 3.0, 3.0)], [LogLine("b", at, str(at)) for at in (2.0, 3.0)]

    assert [line.process for line in merged([*a, *b])] == ["a", "b", "a", "a", "b"]


def test_a_level_is_found_in_json_and_in_text() -> None:
    lines = ['{"level":"error","message":"m"}', "02:43:20.250 WARNING m", "77:M * Ready", ""]

    assert [LogLine("x", 0.0, line).level for line in lines] == ["ERROR", "WARNING", "", ""]
