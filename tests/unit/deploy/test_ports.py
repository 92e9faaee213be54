"""Whether an address is free."""

import socket
from collections.abc import Iterator

import pytest

from deploy.failure import Failure
from deploy.ports import http_url, require_free


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_no_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert require_free("127.0.0.1", port) is None  # type: ignore[func-returns-value]


def test_a_taken_port_is_one_sentence_with_another_port(taken_port: int) -> None:
    with pytest.raises(Failure, match=f"Port {taken_port} .* taken .* PENSIEVE_PORT={taken_port + 1} make up"):
        require_free("127.0.0.1", taken_port)


def test_a_port_taken_on_one_address_is_taken_on_all(taken_port: int) -> None:
    with pytest.raises(Failure, match="taken"):
        require_free("0.0.0.0", taken_port)


@pytest.mark.parametrize("port", [0, 65_536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Failure, match="no port"):
        require_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Failure, match="PENSIEVE_HOST"):
        require_free("192.0.2.1", 7777)


def test_a_name_that_is_no_address_is_refused() -> None:
    with pytest.raises(Failure, match="PENSIEVE_HOST=no such host"):
        require_free("no such host", 7777)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7777"),
        ("0.0.0.0", "http://127.0.0.1:7777"),
        ("::", "http://[::1]:7777"),
        ("mybox.local", "http://mybox.local:7777"),
    ],
)
def test_the_url_is_one_that_works_from_here(host: str, url: str) -> None:
    assert http_url(host, 7777) == url
