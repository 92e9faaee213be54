"""What gunicorn finds to be no HTTP: told in our envelope, in our own words."""

import orjson
import pytest
from gunicorn.http import errors  # type: ignore[import-untyped]

from deploy.gevent_worker import ending_connections
from deploy.protocol_errors import answer, refusal
from queue_config.errors import InvalidRequest, PensieveError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequestLine("secret"), 400),
        (errors.InvalidRequestMethod("secret"), 400),
        (errors.InvalidHTTPVersion("secret"), 400),
        (errors.InvalidHeader("secret"), 400),
        (errors.InvalidHeaderName("secret"), 400),
        (errors.ObsoleteFolding("secret"), 400),
        (errors.InvalidChunkSize(b"secret"), 400),
        (errors.ChunkMissingTerminator(b"secret"), 400),
        (errors.InvalidChunkExtension("secret"), 400),
        (errors.LimitRequestLine(5_000, 4_094), 414),
        (errors.ExpectationFailed("secret"), 417),
        (errors.LimitRequestHeaders("secret"), 431),
        (errors.UnsupportedTransferCoding("secret"), 501),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_is_refused_with_its_status_and_none_of_the_clients_words(error: Exception, status: int) -> None:
    refused = refusal(error)

    assert isinstance(refused, InvalidRequest)
    assert refused.status == status
    assert "secret" not in str(refused)


@pytest.mark.parametrize("error", [errors.InvalidResponseHeader("x"), errors.ConfigurationProblem("x"), ValueError()])
def test_what_is_no_mistake_of_the_clients_is_not_refused(error: Exception) -> None:
    assert refusal(error) is None


def test_the_answer_is_whole() -> None:
    head, _, body = answer(InvalidRequest("The request line is malformed"), "req_1").partition(b"\r\n\r\n")

    assert head.decode().split("\r\n") == [
        "HTTP/1.1 400 Bad Request",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "request-id: req_1",
        "x-should-retry: false",
    ]
    assert orjson.loads(body) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "The request line is malformed"},
        "request_id": "req_1",
    }
    assert answer(PensieveError("Internal server error"), "req_1").startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


class Response:
    """What gunicorn gives an application to answer with."""

    def __init__(self) -> None:
        self.closes = False

    def force_close(self) -> None:
        self.closes = True

    def start(self, _status: str, _headers: list[tuple[str, str]]) -> None:
        pass


@pytest.mark.parametrize(("headers", "closes"), [([("Connection", "close")], True), ([("X-A", "close")], False)])
def test_an_answer_that_says_so_closes_its_connection(headers: list[tuple[str, str]], closes: bool) -> None:
    response = Response()
    application = ending_connections(lambda _environ, start: start("413 Too Large", headers) or [b"x"])

    assert list(application({}, response.start)) == [b"x"]
    assert response.closes == closes
