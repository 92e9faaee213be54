"""Server-sent events as a browser reads them."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson


class ServerEvent(NamedTuple):
    name: str
    id: str | None
    data: dict[str, Any]


def read(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Events out of lines without their line ends."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield ServerEvent(fields["event"], fields.get("id"), orjson.loads(fields["data"]))
            fields = {}


def read_text(text: str) -> list[ServerEvent]:
    return list(read(text.split("\n")))
