"""Seeing that a client has gone, on real sockets."""

import fcntl
import resource
import socket
from collections.abc import Iterator

import pytest

from api.client import SEND_TIMEOUT_S, Client


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_client_who_waits_is_there(pair: tuple[socket.socket, socket.socket]) -> None:
    assert not Client({"gunicorn.socket": pair[0]}).is_gone()


def test_a_client_who_has_sent_more_is_there_and_nothing_of_it_is_taken(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"GET /next")
    client = Client({"gunicorn.socket": ours})

    assert not client.is_gone()
    assert ours.recv(100) == b"GET /next"


def test_a_client_who_closed_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()

    assert Client({"gunicorn.socket": pair[0]}).is_gone()


def test_a_connection_that_we_closed_ourselves_has_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()

    assert Client({"gunicorn.socket": pair[0]}).is_gone()


def test_descriptors_beyond_1023_can_be_looked_at(pair: tuple[socket.socket, socket.socket]) -> None:
    with socket.socket(fileno=_duplicate_high(pair[0])) as high:
        client = Client({"gunicorn.socket": high})

        assert not client.is_gone()
        pair[1].close()
        assert client.is_gone()


def test_without_a_socket_nobody_is_ever_gone() -> None:
    client = Client({})
    client.limit_sends()

    assert not client.is_gone()


def test_writes_are_given_a_limit(pair: tuple[socket.socket, socket.socket]) -> None:
    Client({"gunicorn.socket": pair[0]}).limit_sends()

    assert pair[0].gettimeout() == SEND_TIMEOUT_S


def _duplicate_high(sock: socket.socket) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2048:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    return fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 1500)
