"""Reading a stream of server-sent events into the ledger, until it ends or breaks."""

import random
import time
from collections.abc import Iterator
from typing import Any

from urllib3.exceptions import HTTPError

from tests.chaos.ledger import Entry
from tests.support import api_sse


class Broken(HTTPError):
    """The connection went in the middle of a stream."""

    def __init__(self, last_id: str) -> None:
        super().__init__(last_id)
        self.last_id = last_id


def hear(entry: Entry, response: Any, offset: int, last_id: str = "", *, flaky: bool = False) -> str:
    """Read a stream to its end or until it breaks (Broken); returns the id of its last event."""
    said_why = False
    leaves_at = time.monotonic() + random.uniform(0.1, 1.0) if flaky else float("inf")
    try:
        for event in api_sse.read(_lines(response)):
            if event.id is not None:
                if last_id and _order(event.id) <= _order(last_id):
                    entry.faults.append(f"event {event.id} after {last_id}")
                last_id = event.id
            said_why |= event.name == "error"
            offset += _take(entry, event, offset)
            if entry.ended_at or time.monotonic() > leaves_at:
                return last_id
    except HTTPError as error:
        raise Broken(last_id) from error
    finally:
        response.close()
    if not said_why:
        entry.faults.append("a stream ended in silence")
    return last_id


def _take(entry: Entry, event: api_sse.ServerEvent, offset: int) -> int:
    """One event; returns how many characters it had."""
    match event.data:
        case {"type": "message_start", "message": {"id": job_id}}:
            entry.accept(job_id)
        case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}:
            entry.hear(offset, text)
            return len(text)
        case {"type": "message_stop"}:
            entry.end("succeeded")
        case {"type": "error", "error": {"type": kind, "message": message}} if event.id is not None:
            entry.end("canceled" if "cancel" in message.lower() else "errored", f"{kind}: {message}")
    return 0


def _order(event_id: str) -> tuple[int, ...]:
    position, _, part = event_id.partition(".")
    attempt, _, seq = position.partition("-")
    return int(attempt), int(seq), int(part)


def _lines(response: Any) -> Iterator[str]:
    rest = b""
    for chunk in response.read_chunked():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)
