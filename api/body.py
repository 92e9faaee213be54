"""The request at hand, read: its JSON body and the API version it speaks."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

import gevent
from flask import g, request
from gevent import monkey
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from api.services import current_services
from api.wire import strict_json
from api.wire.version import check_version
from queue_config.errors import InvalidRequest, Stalled

ASIDE_BYTES = 100_000
"""A body beyond this is read off the event loop: with 50,000 small blocks in it a megabyte takes a second."""
PIECE_BYTES = 16_384
PIECE_S = 15.0
"""Every piece must come within this time: a body of drips ends here, and one at 1.1 kB a second arrives."""
WHOLE_S = 300.0
"""What is read is held in memory, so nobody may take for ever."""


T = TypeVar("T")


class UnsupportedMediaType(InvalidRequest):
    status = 415


class TornBody(InvalidRequest):
    ends_connection = True


def check_head() -> None:
    """What the headers say of the body, which nobody has read yet. Raises InvalidRequest or RequestEntityTooLarge.

    A page of another site can't send this content type unasked.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("content-encoding: compressed request bodies are not supported")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("content-type: should be application/json")
    limit = request.max_content_length
    if limit is not None and (request.content_length or 0) > limit:
        raise RequestEntityTooLarge


def json_body(read: Callable[[Any], T]) -> tuple[Any, T]:
    """The body, and what `read`, which knows nothing of Flask, makes of it.

    Raises InvalidRequest for what isn't JSON, Stalled where it doesn't come, Overloaded, and whatever `read` raises.
    """
    check_head()
    data = _read()

    def work() -> tuple[Any, T]:
        body = strict_json.parse(data)
        return body, read(body)

    return work() if len(data) <= ASIDE_BYTES else current_services().reading.run(work, len(data))


def api_version() -> str:
    return check_version(request.headers.get("Anthropic-Version"))


def forget(_error: BaseException | None) -> None:
    """At the end of every request: nothing of its body is held any more."""
    if "body_bytes" in g:
        current_services().bodies.give_back(g.pop("body_bytes"))


def _read() -> bytes:
    """The whole body. Raises Stalled or Overloaded."""
    room = current_services().bodies
    pieces = bytearray()
    give_up_at = time.monotonic() + WHOLE_S
    g.body_bytes = 0
    while piece := _next_piece():
        room.take(len(piece))
        g.body_bytes += len(piece)
        pieces += piece
        if time.monotonic() > give_up_at:
            raise Stalled(f"The request body should come within {WHOLE_S:.0f} s")
    if len(pieces) < (request.content_length or 0):
        raise TornBody("The request body is shorter than its content-length")
    return bytes(pieces)


def _next_piece() -> bytes:
    stalled = Stalled(f"The request body stopped; {PIECE_BYTES} bytes should come within {PIECE_S:.0f} s")
    # Elsewhere than under gunicorn, as in tests, there is no loop that could keep the time.
    with gevent.Timeout(PIECE_S, stalled) if monkey.is_module_patched("threading") else nullcontext():
        try:
            return request.stream.read(PIECE_BYTES)
        except (ParseException, ClientDisconnected) as error:
            raise TornBody("The request body's chunks are malformed, or end early") from error
