"""What is no HTTP, as gunicorn found it: answered in the envelope of all errors, never with the client's own words."""

import http

import orjson
from gunicorn.http import errors as found  # type: ignore[import-untyped]

from api.wire.errors import envelope
from queue_config.errors import InvalidRequest, PensieveError

_WORDS: dict[type[Exception], tuple[int, str]] = {
    found.LimitRequestLine: (414, "The request line is too long"),
    found.LimitRequestHeaders: (431, "The headers are too many, or one of them is too large"),
    found.ExpectationFailed: (417, "expect: only 100-continue is supported"),
    found.UnsupportedTransferCoding: (501, "transfer-encoding: only chunked is supported"),
    found.InvalidRequestLine: (400, "The request line is malformed"),
    found.InvalidRequestMethod: (400, "The request's method is malformed"),
    found.InvalidHTTPVersion: (400, "The request speaks another version of HTTP"),
    found.InvalidChunkSize: (400, "The body's chunks are malformed"),
    found.ChunkMissingTerminator: (400, "The body's chunks are malformed"),
    found.InvalidChunkExtension: (400, "The body's chunks are malformed"),
}
_OTHERWISE = (400, "A header is malformed")


def refusal(error: BaseException) -> PensieveError | None:
    """What the client is told; None where the mistake is not the client's."""
    # Both are about headers that we wrote.
    ours = (found.InvalidResponseHeader, found.InvalidResponseHeaderName, found.ConfigurationProblem)
    if not isinstance(error, found.ParseException) or isinstance(error, ours):
        return None
    status, words = next((told for kind, told in _WORDS.items() if isinstance(error, kind)), _OTHERWISE)
    refused = InvalidRequest(words)
    refused.status = status
    return refused


def answer(error: PensieveError, request_id: str) -> bytes:
    """A whole HTTP response, after which the connection is closed."""
    body = orjson.dumps(envelope(error, request_id))
    head = [
        f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"request-id: {request_id}",
    ]
    if error.should_retry is not None:
        head.append(f"x-should-retry: {str(error.should_retry).lower()}")
    return "\r\n".join([*head, "", ""]).encode() + body
