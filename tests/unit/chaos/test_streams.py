"""A stream as a client of the campaign notes it down."""

import orjson
import pytest
from urllib3.exceptions import ProtocolError

from tests.chaos.ledger import Entry
from tests.chaos.prompts import Prompt
from tests.chaos.streams import Broken, hear

Told = tuple[str, dict[str, object]]
"""An event's id and data."""


class Wire:
    """A response whose body is cut into chunks anywhere, and breaks where it says so."""

    def __init__(self, *events: Told | None) -> None:
        self._events = events

    def read_chunked(self):  # type: ignore[no-untyped-def]
        for event in self._events:
            if event is None:
                raise ProtocolError("cut")
            name, data = event
            number = f"id: {name}\n" if name else ""
            text = f"event: {data['type']}\n{number}data: {orjson.dumps(data).decode()}\n\n".encode()
            yield text[:9]
            yield text[9:]

    def close(self) -> None:
        pass


START: Told = ("0-0.0", {"type": "message_start", "message": {"id": "msg_1"}})
STOP: Told = ("1-4.1", {"type": "message_stop"})


def piece(number: str, text: str) -> Told:
    return number, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}


def an_entry() -> Entry:
    return Entry(0, "stream", Prompt("", "one two"))


def test_a_broken_stream_goes_on_behind_its_last_event() -> None:
    entry = an_entry()
    with pytest.raises(Broken) as broken:
        hear(entry, Wire(START, piece("1-2.0", "one "), None), 0)
    hear(entry, Wire(piece("3-4.0", "two"), ("3-5.0", STOP[1])), 4, broken.value.last_id)

    assert broken.value.last_id == "1-2.0"
    assert (entry.id, entry.text, entry.outcome, entry.faults) == ("msg_1", "one two", "succeeded", [])


def test_an_event_that_comes_again_is_a_fault() -> None:
    entry = an_entry()
    hear(entry, Wire(START, piece("1-2.0", "one "), piece("1-2.0", "one "), STOP), 0)

    assert entry.text == "one one "
    assert entry.faults == ["event 1-2.0 after 1-2.0"]


@pytest.mark.parametrize(
    ("last", "faults"),
    [
        (piece("1-2.0", "one "), ["a stream ended in silence"]),
        (("", {"type": "error", "error": {"type": "api_error", "message": "no"}}), []),
    ],
    ids=["silence", "a word"],
)
def test_a_stream_may_not_end_without_a_word(last: Told, faults: list[str]) -> None:
    entry = an_entry()
    hear(entry, Wire(START, last), 0)

    assert (entry.outcome, entry.faults) == ("", faults)
