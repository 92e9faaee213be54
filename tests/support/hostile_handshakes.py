"""Heads of requests, WebSocket handshakes above all, as no client of good will sends them; each with its status."""

from collections.abc import Iterator
from typing import NamedTuple

KEY = "the key"
_HEAD = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "x-api-key": KEY,
}


class Handshake(NamedTuple):
    name: str
    head: bytes
    status: int
    """0 where the connection is closed without a word."""


def corpus() -> list[Handshake]:
    return [*_keys_and_origins(), *_upgrades(), *_smuggling(), *_sizes()]


def handshake(line: str = "GET /v1/stream HTTP/1.1", without: str = "", **changes: str) -> bytes:
    """A valid one but for these changes; `_` in their names stands for `-`."""
    headers = {name: value for name, value in _HEAD.items() if name.lower() != without.lower()}
    for name, value in changes.items():
        known = name.replace("_", "-").lower()
        headers = {key: old for key, old in headers.items() if key.lower() != known} | {known: value}
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


def _keys_and_origins() -> Iterator[Handshake]:
    yield Handshake("no key", handshake(without="x-api-key"), 401)
    yield Handshake("a wrong key", handshake(x_api_key="guess"), 401)
    yield Handshake("an empty key", handshake(x_api_key=""), 401)
    yield Handshake("a key of another alphabet", handshake(x_api_key="\xff\xfe"), 401)
    yield Handshake(
        "a key in the query", handshake("GET /v1/stream?api_key=the+key HTTP/1.1", without="x-api-key"), 401
    )
    yield Handshake("a key as a subprotocol", handshake(without="x-api-key", sec_websocket_protocol=KEY), 401)
    yield Handshake("two keys", handshake(authorization="Bearer other"), 401)
    for origin in (
        "https://evil.example",
        "null",
        "http://localhost:1",
        "https://localhost",
        "http://localhost.evil.example",
    ):
        yield Handshake(f"origin {origin}", handshake(origin=origin), 403)
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::ffff:127.0.0.1]", "2130706433"):
        yield Handshake(f"host {host}", handshake(host=host), 403)


def _upgrades() -> Iterator[Handshake]:
    for version in ("8", "12", "14", "13, 8", "", "x"):
        yield Handshake(f"version {version!r}", handshake(sec_websocket_version=version), 400)
    yield Handshake("no version", handshake(without="sec-websocket-version"), 400)
    yield Handshake("no key of the socket's", handshake(without="sec-websocket-key"), 400)
    yield Handshake("an empty key of the socket's", handshake(sec_websocket_key=""), 400)
    yield Handshake("no upgrade", handshake(without="upgrade"), 400)
    yield Handshake("another upgrade", handshake(upgrade="h2c"), 400)
    yield Handshake("a connection that isn't upgraded", handshake(connection="close"), 400)
    yield Handshake("POST", handshake("POST /v1/stream HTTP/1.1"), 405)
    yield Handshake("elsewhere", handshake("GET /v1/messages HTTP/1.1"), 405)
    yield Handshake("a version of the API that is none", handshake(anthropic_version="latest"), 400)


def _smuggling() -> Iterator[Handshake]:
    yield Handshake("two lengths", handshake("POST /v1/messages HTTP/1.1", content_length="1, 2"), 400)
    yield Handshake("a negative length", handshake("POST /v1/messages HTTP/1.1", content_length="-1"), 400)
    both = handshake("POST /v1/messages HTTP/1.1", content_length="5", transfer_encoding="chunked")
    yield Handshake("a length and chunks", both + b"0\r\n\r\n", 400)
    # As HTTP has it: that the server can't is not the client's mistake.
    yield Handshake("an unknown coding", handshake("POST /v1/messages HTTP/1.1", transfer_encoding="xchunked"), 501)
    yield Handshake("two hosts", handshake().replace(b"Host: localhost", b"Host: localhost\r\nHost: evil.example"), 400)
    yield Handshake("a folded header", handshake().replace(b"Host: localhost", b"Host:\r\n localhost"), 400)
    yield Handshake("a space before the colon", handshake().replace(b"Host:", b"Host :"), 400)
    yield Handshake("NUL in a header", handshake(x_thing="a\0b"), 400)
    yield Handshake("a bare CR in a header", handshake(x_thing="a\rb"), 400)
    yield Handshake("no method", b" / HTTP/1.1\r\n\r\n", 400)
    yield Handshake("an unknown protocol", handshake("GET /v1/stream HTTP/9.9"), 400)
    yield Handshake("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n", 400)
    yield Handshake("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400)


def _sizes() -> Iterator[Handshake]:
    yield Handshake("a long line", handshake(f"GET /{'x' * 5_000} HTTP/1.1"), 414)
    yield Handshake("a large header", handshake(x_thing="x" * 9_000), 431)
    yield Handshake("too many headers", handshake(**{f"x_{n}": "x" for n in range(70)}), 431)
