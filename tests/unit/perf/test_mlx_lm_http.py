"""mlx_lm.server in the benchmark: where a connection is reset it is asked again, but not where an answer breaks off."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from queue_config.request import SamplingParams
from tests.perf.bench.asks import Ask
from tests.perf.bench.mlx_lm_http import MlxLmTarget
from tests.perf.bench.streams import Stream

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\ndata: {"usage":{"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)


@contextmanager
def server(answers: list[bytes], is_read: Callable[[], bool] = lambda: True) -> Iterator[int]:
    """Gives one answer to each connection, then resets it once that is read, but for the last one; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for number, answer in enumerate(answers):
                connection, _ = listener.accept()
                with connection:
                    request = connection.recv(65_536)
                    while not request.endswith(b"}"):
                        request += connection.recv(65_536)
                    connection.sendall(answer)
                    while not is_read():
                        time.sleep(0.01)
                    if number < len(answers) - 1:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def the_target(port: int, tmp_path: Path) -> MlxLmTarget:
    target = MlxLmTarget(tmp_path, tmp_path / "log", max_batch=1)
    target._port = port
    return target


def test_a_connection_that_is_reset_is_asked_again(tmp_path: Path) -> None:
    stream = Stream(10)
    with server([b"", b"", ANSWER]) as port:
        the_target(port, tmp_path).follow(Ask("hello", SamplingParams(max_tokens=1)), stream)

    assert (stream.tokens, len(stream.texts_at)) == (1, 1)


def test_an_answer_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    head, _, body = ANSWER.partition(b"\r\n\r\n")
    half = head + b"\r\ncontent-length: 500\r\n\r\n" + body[:60]
    stream = Stream(10)
    with server([half, ANSWER], lambda: bool(stream.texts_at)) as port:
        target = the_target(port, tmp_path)
        with pytest.raises(ConnectionResetError):
            target.follow(Ask("hello", SamplingParams(max_tokens=1)), stream)
        target.follow(Ask("hello", SamplingParams(max_tokens=1)), Stream(10))

    assert stream.tokens == 0
