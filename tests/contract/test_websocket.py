"""WebSocket /v1/stream under a real gunicorn with gevent."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import simple_websocket

from queue_config.events import Finished
from tests.contract.conftest import KEY
from tests.support import api_stream_grammar as grammar
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body
from tests.support.api_raw_client import RawSocket, connected, receive_until
from tests.support.api_server import ApiServer

ADDED = {"id", "event_id", "ref"}


@pytest.fixture
def stream(server: ApiServer, worker: FakeWorker) -> Iterator[RawSocket]:
    with connected(server) as sock:
        yield RawSocket(sock, x_api_key=KEY)


def create(text: str, ref: object = None, **changes: Any) -> dict[str, Any]:
    return {"type": "create", "request": messages_body(text), "ref": ref} | changes


def frames(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages as an SSE stream would have them."""
    return [{name: value for name, value in message.items() if name not in ADDED} for message in messages]


def text_of(messages: list[dict[str, Any]]) -> str:
    blocks = grammar.read(frames(messages))["content"]
    return "".join(block["text"] for block in blocks)


def test_an_answer_is_the_frames_of_its_stream_with_ids(stream: RawSocket, worker: FakeWorker) -> None:
    stream.send(create("one two", ref={"any": "thing"}))
    answer = stream.receive_answer({"any": "thing"})

    assert text_of(answer) == "one two "
    assert {message["id"] for message in answer} == {worker.taken[0].id}
    assert [message["event_id"] for message in answer][:2] == ["0-0.0", "1-2.0"]


def test_several_requests_share_a_socket(stream: RawSocket) -> None:
    for ref in range(5):
        stream.send(create(f"trickle {ref + 2}", ref))
    answers: dict[int, list[dict[str, Any]]] = {ref: [] for ref in range(5)}
    while not all(answer and answer[-1]["type"] == "message_stop" for answer in answers.values()):
        message = stream.receive()
        assert message is not None
        answers[message["ref"]].append(message)

    assert [text_of(answer).split()[-1] for answer in answers.values()] == ["word1", "word2", "word3", "word4", "word5"]


def test_a_stream_resumes_on_another_socket_exactly_where_it_was_left(
    server: ApiServer, stream: RawSocket, worker: FakeWorker
) -> None:
    stream.send(create("burst 5"))
    answer = stream.receive_answer(None)
    with connected(server) as sock:
        other = RawSocket(sock, x_api_key=KEY)
        other.send({"type": "resume", "id": answer[0]["id"], "last_event_id": answer[3]["event_id"]})
        rest = other.receive_answer(None)
        other.send({"type": "resume", "id": answer[0]["id"], "ref": "all"})
        everything = other.receive_answer("all")

    assert rest == answer[4:]
    assert frames(everything) == frames(answer)


def test_a_request_is_cancelled_by_its_id(stream: RawSocket, worker: FakeWorker) -> None:
    stream.send(create("hang", "answer"))
    (request,) = worker.wait_until_taken(1)
    stream.send({"type": "cancel", "id": request.id, "ref": "cancel"})
    received: list[dict[str, Any]] = []
    while {"job", "error"} - {message["type"] for message in received}:
        message = stream.receive()
        assert message is not None
        received.append(message)

    (error,) = [message for message in received if message["type"] == "error"]
    (job,) = [message for message in received if message["type"] == "job"]
    assert (error["ref"], error["error"]["message"]) == ("answer", "The request was canceled.")
    assert (job["ref"], job["id"]) == ("cancel", request.id)


def test_closing_the_socket_cancels_what_it_created(server: ApiServer, worker: FakeWorker) -> None:
    with connected(server) as sock:
        RawSocket(sock, x_api_key=KEY).send(create("hang"))
        (request,) = worker.wait_until_taken(1)

    worker.wait_until_canceled(request.id)


def test_a_detached_request_outlives_its_socket(server: ApiServer, worker: FakeWorker, stream: RawSocket) -> None:
    with connected(server) as sock:
        RawSocket(sock, x_api_key=KEY).send(create("trickle 30", detach=True))
        (request,) = worker.wait_until_taken(1)
    stream.send({"type": "resume", "id": request.id})
    answer = stream.receive_answer(None)

    assert text_of(answer).split()[-1] == "word29"
    assert worker.canceled == {}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({}, "type: Field required"),
        ([], "message: Input should be an object"),
        ({"type": "dance"}, "type: Input should be 'create', 'resume' or 'cancel'"),
        ({"type": "create"}, "request: Field required"),
        ({"type": "create", "request": {"model": "m", "max_tokens": 1}}, "messages: Field required"),
        ({"type": "resume"}, "id: Field required"),
        ({"type": "resume", "id": "msg_0"}, "No job with this id; ended jobs are kept for a limited time."),
        ({"type": "cancel", "id": "msg_0"}, "No job with this id; ended jobs are kept for a limited time."),
    ],
)
def test_a_bad_message_is_answered_and_the_socket_goes_on(stream: RawSocket, message: object, error: str) -> None:
    stream.send(message)
    refused = stream.receive()
    stream.send(create("still here", 2))

    assert refused is not None
    assert (refused["type"], refused["error"]["message"]) == ("error", error)
    assert text_of(stream.receive_answer(2)) == "still here "


def test_what_is_no_json_is_answered_too(stream: RawSocket) -> None:
    stream.send_text("{")
    refused = stream.receive()

    assert refused is not None
    assert refused["error"]["type"] == "invalid_request_error"


def test_a_reader_who_stalls_gets_every_frame_whole(server: ApiServer, worker: FakeWorker) -> None:
    with connected(server, receive_buffer_bytes=4096) as sock:
        slow = RawSocket(sock, x_api_key=KEY)
        slow.send(create("flood 600", 1, request=messages_body("flood 600", max_tokens=1000)))
        worker.wait_until_taken(1)
        # The scripted worker is done long before anything is read, and the socket is full.
        wait_for_end(worker)
        answer = slow.receive_answer(1)

    assert text_of(answer) == "".join(f"{n:09} " * 1000 for n in range(600))


def wait_for_end(worker: FakeWorker) -> None:
    while not isinstance((last := worker.log.last(worker.taken[0].id)) and last.event, Finished):
        time.sleep(0.01)


def test_a_message_over_the_limit_closes_the_socket(stream: RawSocket) -> None:
    stream.send_text("x" * (1 << 20) + "x")

    assert stream.receive() is None


def test_compression_is_never_agreed_on(stream: RawSocket) -> None:
    assert stream.accepted is not None
    assert stream.accepted.extensions == []


def test_the_usual_client_works(server: ApiServer, worker: FakeWorker) -> None:
    client = simple_websocket.Client.connect(f"ws://127.0.0.1:{server.port}/v1/stream", headers={"x-api-key": KEY})
    client.send('{"type": "create", "ref": 1, "request": {"model": "x", "max_tokens": 1}}')
    answer = client.receive(timeout=10)
    client.close()

    assert '"messages: Field required"' in answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x_api_key": KEY, "origin": "https://evil.example"}, 403),
        ({"x_api_key": KEY, "anthropic_version": "latest"}, 400),
    ],
)
def test_who_may_not_is_told_so_before_the_upgrade(server: ApiServer, headers: dict[str, str], status: int) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}

    assert http(server, "/v1/stream", upgrade | given).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    "headers",
    [{}, {"Connection": "Upgrade", "Upgrade": "websocket"}],
)
def test_what_is_no_handshake_is_a_400_in_the_envelope(server: ApiServer, headers: dict[str, str]) -> None:
    answer = http(server, "/v1/stream", headers | {"x-api-key": KEY})

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"invalid_request_error"' in answer


def http(server: ApiServer, path: str, headers: dict[str, str]) -> bytes:
    with connected(server) as sock:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        return receive_until(sock, b"}\n")
