"""What keeps flask-sock's frames whole."""

import socket
import threading
from collections.abc import Iterator

import pytest

from api.websocket import BACKLOG, WholeWrites, held_back, prepare
from queue_config.errors import InvalidRequest

HANDSHAKE = {"HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_SEC_WEBSOCKET_KEY": "x"}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_frames_of_two_writers_never_mix_even_when_the_reader_is_slow(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    whole = WholeWrites(ours)
    frames = [bytes([letter]) * 50_000 for letter in b"ab"]
    writers = [threading.Thread(target=whole.send, args=(frame,)) for frame in frames]
    for writer in writers:
        writer.start()
    received = b""
    while len(received) < 100_000:
        received += theirs.recv(1000)
    for writer in writers:
        writer.join()

    assert received in {frames[0] + frames[1], frames[1] + frames[0]}


def test_a_write_that_fails_halfway_ends_the_connection(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    whole = WholeWrites(ours)
    ours.settimeout(0.01)
    with pytest.raises(TimeoutError):
        whole.send(b"x" * 10_000_000)
    while theirs.recv(1 << 20):
        pass

    with pytest.raises(OSError, match=r"."):
        whole.send(b"more")


def test_compression_is_not_offered_on(pair: tuple[socket.socket, socket.socket]) -> None:
    environ = HANDSHAKE | {"HTTP_SEC_WEBSOCKET_EXTENSIONS": "permessage-deflate", "gunicorn.socket": pair[0]}

    prepare(environ)

    assert environ.keys() == {*HANDSHAKE, "gunicorn.socket"}
    assert isinstance(environ["gunicorn.socket"], WholeWrites)


@pytest.mark.parametrize("missing", HANDSHAKE)
def test_a_handshake_that_is_none_is_refused_while_that_can_be_said_in_http(missing: str) -> None:
    environ = {name: value for name, value in HANDSHAKE.items() if name != missing}

    with pytest.raises(InvalidRequest, match="sec-websocket-version"):
        prepare(environ)


class Connection:
    """As much of flask-sock's as is looked at."""

    def __init__(self, sock: WholeWrites) -> None:
        self.sock = sock
        self.input_buffer: list[str] = []


def test_nothing_more_is_read_while_a_backlog_lies_unread(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    connection = Connection(WholeWrites(ours))
    theirs.sendall(b"xyz")
    read: list[bytes] = []
    with held_back(connection):
        read.append(connection.sock.recv(1))
        connection.input_buffer += ["unread"] * BACKLOG
        reader = threading.Thread(target=lambda: read.append(connection.sock.recv(1)))
        reader.start()
        reader.join(0.1)
        while_full = list(read)
        connection.input_buffer.pop()
        reader.join()
        connection.input_buffer.append("unread")
    read.append(connection.sock.recv(1))

    assert while_full == [b"x"]
    assert read == [b"x", b"y", b"z"]
