"""Connections of those who mean no good, at gunicorn as it is deployed; a stream beside them goes on as if alone."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import orjson
import pytest

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body
from tests.support.api_raw_client import RawSocket, connected, receive_answer, receive_until, send_post
from tests.support.api_server import ApiServer
from tests.support.hostile_bodies import Hostile
from tests.support.hostile_bodies import corpus as bodies
from tests.support.hostile_handshakes import KEY, Handshake, handshake
from tests.support.hostile_handshakes import corpus as handshakes
from tests.support.redis_server import RedisServer

WORDS = 60
AT_ONCE = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    home = tmp_path_factory.mktemp("hostile")
    with (
        RedisServer() as redis,
        FakeWorker(redis.url),
        ApiServer(redis.url, home / "log", api_key=KEY, home=home, max_body_bytes=400_000, log_level="DEBUG") as server,
    ):
        yield server


@contextlib.contextmanager
def beside_a_stream(server: ApiServer) -> Iterator[None]:
    """Whatever is done in the context, the stream's words come, all and in order."""
    with connected(server) as sock:
        send_post(sock, "/v1/messages", messages_body(f"trickle {WORDS}", stream=True, max_tokens=WORDS), x_api_key=KEY)
        yield
        received = receive_until(sock, b"message_stop")
    words = re.findall(rb'"text":"(word[0-9]+ )"', received)

    assert words == [f"word{n} ".encode() for n in range(WORDS)]


def status_of(server: ApiServer, sent: bytes) -> int:
    with connected(server) as sock:
        sock.sendall(sent)
        answer = receive_until(sock, b"\r\n")
    return int(answer.split()[1])


def test_hostile_handshakes_get_what_they_deserve(server: ApiServer) -> None:
    cases: list[Handshake] = handshakes()
    with beside_a_stream(server):
        found = {case.name: refusal_of(server, case.head) for case in cases}

    assert found == {case.name: (case.status, "error") for case in cases}
    assert len(cases) >= 40


def refusal_of(server: ApiServer, sent: bytes) -> tuple[int, str]:
    """The status, and what the envelope says that it is; gunicorn's own refusals have one too."""
    with connected(server) as sock:
        sock.sendall(sent)
        status, headers, body = receive_answer(sock)
    told = orjson.loads(body)

    assert headers["content-type"] == "application/json"
    assert told["request_id"] == headers["request-id"]
    return status, told["type"]


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"2\r\n{}xx\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"-2\r\n{}\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"7fffffffffffffff\r\n{}", 400),
        ("Content-Length: 50", b"{}", 400),
        ("Content-Length: 500000", b" " * 500_000, 413),
        ("Transfer-Encoding: chunked", (b"10000\r\n" + b" " * 65_536 + b"\r\n") * 8 + b"0\r\n\r\n", 413),
    ],
    ids=["no size", "no end", "a negative size", "an early end", "too short", "too long", "too long in chunks"],
)
def test_a_body_that_is_not_what_was_said_ends_its_connection(
    server: ApiServer, head: str, body: bytes, status: int
) -> None:
    lines = ["POST /v1/messages HTTP/1.1", "Host: localhost", f"x-api-key: {KEY}", "Content-Type: application/json"]
    with connected(server) as sock:
        sock.sendall("\r\n".join([*lines, head, "", ""]).encode() + body)
        if status == 400:
            # Otherwise one that is too short would only be late.
            sock.shutdown(socket.SHUT_WR)
        found, headers, answer = receive_answer(sock)
        left = sock.recv(1)

    assert (found, headers["connection"], orjson.loads(answer)["type"], left) == (status, "close", "error", b"")


def test_hostile_bodies_disturb_no_stream(server: ApiServer) -> None:
    cases = [(number, case) for number, case in enumerate(bodies()) if number % 4 == 0]
    with beside_a_stream(server):
        found = {number: status_of(server, request_of(case)) for number, case in cases}

    assert found == {number: case.status for number, case in cases}


def request_of(case: Hostile) -> bytes:
    head = {"Host": "localhost", "x-api-key": KEY, "Content-Type": case.content_type, **case.headers}
    lines = [f"POST {case.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(case.body)}", "", ""]).encode("latin-1") + case.body


def test_silent_and_dripping_clients_keep_nobody_waiting(server: ApiServer) -> None:
    openings = [b"", b"GET / HTTP/1.1\r\nX-A: ", request_of(bodies()[1])[:-2], handshake()]
    with contextlib.ExitStack() as clients, beside_a_stream(server):
        for number in range(AT_ONCE):
            clients.enter_context(connected(server)).sendall(openings[number % len(openings)])
        statuses = [status_of(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(20)]

    assert set(statuses) == {200}


def test_what_is_no_websocket_frame_ends_that_socket_alone(server: ApiServer) -> None:
    part = b"\xfe\xff\xff" + b"\0" * 4 + b"x" * 65_535
    frames = {
        "unmasked": b"\x81\x05hello",
        "a reserved bit": b"\xf1\x85" + b"\0" * 9,
        "a reserved opcode": b"\x83\x85" + b"\0" * 9,
        "a long ping": b"\x89\xfe\x01\x00" + b"\0" * 260,
        "a cut ping": b"\x09\x80" + b"\0" * 4,
        "a continuation of nothing": b"\x80\x85" + b"\0" * 9,
        "text that is no UTF-8": b"\x81\x82\0\0\0\0\xff\xfe",
        "a length of 2^63": b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + b"\0" * 4,
        "a message beyond the limit": b"\x01" + part + (b"\0" + part) * 16,
    }
    with beside_a_stream(server):
        ended = {name for name, frame in frames.items() if is_ended_by(server, frame)}

    assert ended == set(frames)


def is_ended_by(server: ApiServer, frame: bytes) -> bool:
    with connected(server) as sock:
        sock.sendall(handshake())
        receive_until(sock, b"\r\n\r\n")
        with contextlib.suppress(OSError):
            sock.sendall(frame)
        return reaches_its_end(sock)


def reaches_its_end(sock: socket.socket) -> bool:
    give_up_at = time.monotonic() + 10
    try:
        while sock.recv(65_536):
            assert time.monotonic() < give_up_at
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_no_compression_is_agreed_on(server: ApiServer) -> None:
    with connected(server) as sock:
        accepted = RawSocket(sock, x_api_key=KEY).accepted

    assert accepted is not None
    assert accepted.extensions == []


def test_no_log_holds_a_prompt_an_answer_or_a_key_at_any_level(server: ApiServer) -> None:
    canary = "canaryinthemine"
    body = messages_body(f"{canary} {canary}")
    wrong = messages_body(messages=[{"role": "user", "content": [{"type": canary}]}], system=canary)
    tool = {"name": canary, "input_schema": {"type": "string"}, "description": canary}
    sent = [
        post(server, orjson.dumps(body)),
        post(server, orjson.dumps(body | {"stream": True})),
        post(server, orjson.dumps(wrong)),
        post(server, orjson.dumps(body | {"tools": [tool]})),
        post(server, orjson.dumps(messages_body(f"fail {canary}"))),
        post(server, b'{"' + canary.encode() + b'": '),
        post(server, orjson.dumps(body), path=f"/v1/messages?{canary}"),
        post(server, orjson.dumps(body), key=canary),
        post(server, orjson.dumps(body), path="/v1/chat/completions"),
    ]
    with connected(server) as sock:
        messages = RawSocket(sock, x_api_key=KEY)
        messages.send({"type": "create", "ref": canary, "request": body})
        answer = messages.receive_answer(canary)
        messages.send_text(canary)
        messages.receive()
    log = server.log.read_text()

    assert sent == [200, 200, 400, 400, 500, 400, 200, 401, 200]
    assert answer[-1]["type"] == "message_stop"
    assert log.count('"status":') >= len(sent)
    assert canary not in log
    assert KEY not in log


def post(server: ApiServer, body: bytes, path: str = "/v1/messages", key: str = KEY) -> int:
    case = Hostile("", body, path=path, headers={"x-api-key": key, "Connection": "close"})
    with connected(server) as sock:
        sock.sendall(request_of(case))
        answer = receive_until(sock, b"\r\n\r\n")
        while sock.recv(65_536):
            pass
    return int(answer.split()[1])
