"""Parts of an answer, as small as they come; those of one kind go on with each other until another kind comes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Said:
    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call begins."""

    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """More of the arguments of the call that was begun last; joined they are one JSON object."""

    json: str


AnswerPart = Said | Thought | Called | Given


class OpenCall(Protocol):
    """A call that is being written. Feed it until it is `done`, or `broken`: what came is no call."""

    done: bool
    broken: bool
    name: str
    """"" until a Called has told of it."""

    def feed(self, text: str, at: int) -> tuple[list[AnswerPart], int]:
        """Read on from `text[at:]`: the parts that are certain, and where the next one to read it begins."""

    def mended(self, rest: str) -> list[AnswerPart]:
        """What makes a whole of a call that has a name; `rest` is what it was broken off with."""


ForeignCall = tuple[str, dict[str, Any]]
Parse = Callable[[str], list[ForeignCall]]
"""Calls out of what stands between the markers, in a format that is no JSON; [] where it is none either."""


def whole_calls(calls: list[ForeignCall]) -> Iterator[list[AnswerPart]]:
    """The parts of each call that was read in one go."""
    for name, arguments in calls:
        yield [Called(name), Given(json.dumps(arguments, ensure_ascii=False))]
