"""Logs: one JSON object, or one line for people, on stderr, which the supervisor files; never a prompt or a key."""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

Format = Literal["json", "text"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Fields given as `extra=` become members; control characters come out escaped, so no line can be forged."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        extra = _extra(record)
        line: dict[str, object] = {
            **_first(extra),
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """The same for people: time, level, the request, message, then the fields. Only a stack trace takes lines of its
    own."""

    def format(self, record: logging.LogRecord) -> str:
        extra = _extra(record)
        first = _first(extra)
        words = [_time(record).strftime("%H:%M:%S.%f")[:-3], f"{record.levelname:7}"]
        words += [*map(_shown, first.values()), _shown(record.getMessage())]
        words += [f"{name}={_shown(str(value))}" for name, value in extra.items() if name not in first]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def formatter(process: str, form: Format) -> logging.Formatter:
    return JsonFormatter(process) if form == "json" else TextFormatter()


def set_up(process: str, level: str, form: Format = "json", ids: logging.Filter | None = None) -> None:
    """Send this process's logging to stderr; call once, at start. `ids` adds what a record's line should name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(process, form))
    if ids is not None:
        handler.addFilter(ids)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _first(extra: Mapping[str, Any]) -> dict[str, str]:
    """What a line begins with, so that a request's lines are found at a glance, and by a search from the start."""
    return {"request_id": str(extra["request_id"])} if "request_id" in extra else {}


def _shown(text: str) -> str:
    """Without anything that ends a line or moves a terminal's cursor."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
