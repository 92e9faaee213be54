"""OpenAI's routes on the wire: who leaves, who waits, and who comes back."""

from typing import Any
from urllib.request import Request, urlopen

import orjson
import pytest

from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_raw_client import connected, receive_until, send_post
from tests.support.api_server import ApiServer

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"


def body(path: str, text: str, **changes: Any) -> dict[str, Any]:
    asked = {"messages": [{"role": "user", "content": text}]} if path == CHAT else {"prompt": text}
    return {"model": MODEL, "max_tokens": 100, **asked, **changes}


@pytest.mark.parametrize("path", [CHAT, TEXT])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_who_leaves_frees_the_slot(server: ApiServer, worker: FakeWorker, path: str, stream: bool) -> None:
    with connected(server) as sock:
        send_post(sock, path, body(path, "hang", stream=stream), x_api_key=KEY)
        (request,) = worker.wait_until_taken(1)

    worker.wait_until_canceled(request.id)


def test_a_stream_is_data_lines_and_ends_with_done(server: ApiServer, worker: FakeWorker) -> None:
    with connected(server) as sock:
        send_post(sock, CHAT, body(CHAT, "one two", stream=True), x_api_key=KEY)
        answer = receive_until(sock, b"data: [DONE]\n\n")

    head, _, _ = answer.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head.lower()
    assert b"event:" not in answer
    assert answer.count(b"data: {") == len(["role", "one", "two", "end"])


def test_a_stream_that_fails_ends_with_done_too(server: ApiServer, worker: FakeWorker) -> None:
    with connected(server) as sock:
        send_post(sock, CHAT, body(CHAT, "fail api_error", stream=True), x_api_key=KEY)
        answer = receive_until(sock, b"data: [DONE]\n\n")

    assert (
        b'data: {"error":{"message":"It was scripted to fail.","type":"server_error","param":null,"code":null}}'
        in answer
    )


@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_the_same_key_and_body_are_answered_once(server: ApiServer, worker: FakeWorker, path: str) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", "Idempotency-Key": f"once{path}"}
    asked = Request(server.url + path, orjson.dumps(body(path, "one two")), headers)

    answers = []
    for _ in range(2):
        with urlopen(asked) as answer:
            answers.append(orjson.loads(answer.read()))

    assert answers[0] == answers[1]
    assert len(worker.taken) == 1
