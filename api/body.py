"""The request at hand, read: its JSON body and the API version it speaks."""

from typing import Any

from flask import request

from api.off_loop import off_loop
from api.wire import strict_json
from api.wire.version import check_version
from queue_config.errors import InvalidRequest

LARGE_BYTES = 1_000_000
"""A body beyond this is read off the event loop: 10 MB take a third of a second to look through."""


class UnsupportedMediaType(InvalidRequest):
    status = 415


def json_body() -> Any:
    """Raise InvalidRequest for what isn't JSON; a page of another site can't send this content type unasked."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("content-encoding: compressed request bodies are not supported")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("content-type: should be application/json")
    data = request.get_data(cache=False)
    if len(data) > LARGE_BYTES:
        return off_loop(lambda: strict_json.parse(data))
    return strict_json.parse(data)


def api_version() -> str:
    return check_version(request.headers.get("Anthropic-Version"))
