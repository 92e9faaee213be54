"""Every error, Flask's own included, in the envelope that the route's clients know, and never as HTML."""

import logging

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from api.wire.errors import envelope
from api.wire_openai import errors as openai_errors
from queue_config.connection import RedisError
from queue_config.errors import InvalidRequest, NotFound, Overloaded, PensieveError, TooLarge

OPENAI_PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})

_logger = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(PensieveError, _ours)
    app.register_error_handler(HTTPException, _flasks)
    app.register_error_handler(RedisError, _redis)
    app.register_error_handler(Exception, _bug)


def _ours(error: PensieveError) -> Response:
    if request.path in OPENAI_PATHS:
        response = jsonify(openai_errors.envelope(error))
        response.status_code = openai_errors.status(error)
    else:
        response = jsonify(envelope(error, g.request_id))
        response.status_code = error.status
    if error.ends_connection:
        response.headers["connection"] = "close"
    if error.should_retry is not None:
        response.headers["x-should-retry"] = str(error.should_retry).lower()
    if error.retry_after_s is not None:
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def _flasks(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return _bug(error)
    match status:
        case 404:
            known: PensieveError = NotFound("Not found")
        case 413:
            known = TooLarge("The request body is too large")
        case _:
            known = InvalidRequest(error.description or error.name)
    response = _ours(known)
    response.status_code = status
    if "Allow" in (headers := dict(error.get_headers())):
        response.headers["Allow"] = headers["Allow"]
    return response


def _redis(error: RedisError) -> Response:
    _logger.warning("Redis failed: %s", error, extra={"request_id": g.request_id})
    return _ours(Overloaded("The queue can't be reached; try again soon."))


def _bug(error: Exception) -> Response:
    _logger.error("a request failed", exc_info=error, extra={"request_id": g.request_id})
    return _ours(PensieveError("Internal server error"))
