"""LogLine: one line of some process's log, with its time, so that the logs of several can be read as one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time

import orjson

from deploy.log_files import readable

# As supervisord writes times, and as Redis does; both in the machine's own zone.
_SUPERVISOR = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ")
_REDIS = re.compile(r"\d+:\w (\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d)\.(\d{3}) ")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class LogLine:
    process: str
    at: float
    """Unix seconds; of lines without a time, as in stack traces, that of the line before."""
    raw: str

    @property
    def level(self) -> str:
        """Upper case; "" where it doesn't say."""
        words = self.text.split(maxsplit=2)[:2]
        return next((word for word in words if word in _LEVELS), "")

    @property
    def text(self) -> str:
        """As a person would write it."""
        return readable(self.raw)


def timed(process: str, lines: Iterable[str], since: float = 0.0) -> Iterator[LogLine]:
    """`since` is for lines before the first that has a time."""
    at = since
    for line in lines:
        at = _time_of(line) or at
        yield LogLine(process, at, line)


def merged(lines: Iterable[LogLine]) -> list[LogLine]:
    """By time; those of one process and one time stay in order."""
    return sorted(lines, key=lambda line: line.at)


def _time_of(line: str) -> float | None:
    if line.startswith("{"):
        return _json_time(line)
    for pattern, form in ((_SUPERVISOR, "%Y-%m-%d %H:%M:%S"), (_REDIS, "%d %b %Y %H:%M:%S")):
        match = pattern.match(line)
        if match:
            # Naive: in the machine's own zone.
            return datetime.strptime(match[1], form).timestamp() + int(match[2]) / 1000  # noqa: DTZ007
    return _text_time(line)


def _json_time(line: str) -> float | None:
    try:
        return datetime.fromisoformat(orjson.loads(line)["time"]).timestamp()
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _text_time(line: str) -> float | None:
    """The text format's, which has no date: the last time that this clock showed."""
    try:
        clock = time.fromisoformat(line[:12])
    except ValueError:
        return None
    now = datetime.now(UTC)
    at = datetime.combine(now.date(), clock, UTC).timestamp()
    return at if at <= now.timestamp() else at - 86_400
