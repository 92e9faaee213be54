"""The request at hand, read: its JSON body and the API version it speaks."""

from typing import Any

from flask import request

from api.wire import strict_json
from api.wire.request import check_version
from queue_config.errors import InvalidRequest


class UnsupportedMediaType(InvalidRequest):
    status = 415


def json_body() -> Any:
    """Raise InvalidRequest for what isn't JSON; a page of another site can't send this content type unasked."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("content-encoding: compressed request bodies are not supported")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("content-type: should be application/json")
    return strict_json.parse(request.get_data(cache=False))


def api_version() -> str:
    return check_version(request.headers.get("Anthropic-Version"))
