"""The request at hand, read: its JSON body and the API version it speaks."""

import time
from contextlib import nullcontext
from typing import Any

import gevent
from flask import g, request
from gevent import monkey
from werkzeug.exceptions import RequestEntityTooLarge

from api.off_loop import off_loop
from api.services import current_services
from api.wire import strict_json
from api.wire.version import check_version
from queue_config.errors import InvalidRequest, Stalled

LARGE_BYTES = 1_000_000
"""A body beyond this is read off the event loop: 10 MB take a third of a second to look through."""
PIECE_BYTES = 16_384
PIECE_S = 15.0
"""Every piece must come within this time: a body of drips ends here, and one at 1.1 kB a second arrives."""
WHOLE_S = 300.0
"""What is read is held in memory, so nobody may take for ever."""


class UnsupportedMediaType(InvalidRequest):
    status = 415


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


def json_body() -> Any:
    """Raise InvalidRequest for what isn't JSON, Stalled where it doesn't come."""
    check_head()
    data = _read()
    if len(data) > LARGE_BYTES:
        return off_loop(lambda: strict_json.parse(data))
    return strict_json.parse(data)


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
    return bytes(pieces)


def _next_piece() -> bytes:
    stalled = Stalled(f"The request body stopped; {PIECE_BYTES} bytes should come within {PIECE_S:.0f} s")
    # Elsewhere than under gunicorn, as in tests, there is no loop that could keep the time.
    with gevent.Timeout(PIECE_S, stalled) if monkey.is_module_patched("threading") else nullcontext():
        return request.stream.read(PIECE_BYTES)
