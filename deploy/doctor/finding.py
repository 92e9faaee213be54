"""Finding: one thing that was looked at, what is wrong with it, and how to mend that."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`warn` is what will bite some day; `bad` keeps Pensieve from working, or its promises from holding."""

    name: str
    """Of the thing; the same from run to run, for programs."""
    level: Literal["ok", "warn", "bad"]
    what: str
    remedy: str = ""


def ok(name: str, what: str) -> Finding:
    return Finding(name, "ok", what)


def warn(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, "warn", what, remedy)


def bad(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, "bad", what, remedy)
