"""Reading log files."""

from pathlib import Path

import pytest

from deploy.log_files import Follower, readable, tail


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n} {'x' * 500}\n" for n in range(1000)))

    assert [line[:8] for line in tail(log, 3)] == ["line 997", "line 998", "line 999"]
    assert tail(log, 0) == []


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", 5) == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            '{"level":"critical","message":"no model","time":"2026-11-22T02:43:20.250+00:00","process":"worker"}',
            "02:43:20.250 CRITICAL no model",
        ),
        ('{"level":"error","message":"died","exception":"Traceback\\n  x"}', "ERROR   died\nTraceback\n  x"),
        ('{"level":"info","message":"started","job":"msg_1","n":2}', "INFO    started job=msg_1 n=2"),
        ("plain words", "plain words"),
        ("[1]", "[1]"),
    ],
)
def test_a_json_line_reads_like_prose(line: str, text: str) -> None:
    assert readable(line) == text


def test_a_follower_sees_only_whole_new_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower(log)
    with log.open("a") as file:
        file.write("one\ntw")
        file.flush()
        first = follower.new_lines()
        file.write("o\n")

    assert first == ["one"]
    assert follower.new_lines() == ["two"]


def test_a_follower_goes_on_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower(log)
    log.rename(tmp_path / "log.1")
    log.write_text("a line longer than the old file\n")

    assert follower.new_lines() == ["a line longer than the old file"]


def test_a_follower_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "log")
    before = follower.new_lines()
    (tmp_path / "log").write_text("first\n")

    assert before == []
    assert follower.new_lines() == ["first"]
