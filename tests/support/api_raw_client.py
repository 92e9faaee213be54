"""Clients that can do what libraries spare their users: stop reading, and leave at any moment."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.support.api_server import ApiServer

PATIENCE_S = 20.0


@contextmanager
def connected(server: ApiServer, receive_buffer_bytes: int | None = None) -> Iterator[socket.socket]:
    """A bare TCP connection."""
    with socket.socket() as sock:
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.settimeout(PATIENCE_S)
        sock.connect(("127.0.0.1", server.port))
        yield sock


def send_post(sock: socket.socket, path: str, body: dict[str, Any], **headers: str) -> None:
    """A request; its answer is left on the wire."""
    content = orjson.dumps(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}"]
    lines += [
        "Content-Type: application/json",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    sock.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def receive_until(sock: socket.socket, mark: bytes) -> bytes:
    received = b""
    while mark not in received:
        chunk = sock.recv(65_536)
        assert chunk, received
        received += chunk
    return received


def receive_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """An answer's status, headers (names in lower case) and body, whose length it says."""
    head, _, body = receive_until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in lines)}
    while len(body) < int(headers["content-length"]):
        body += sock.recv(65_536)
    return int(line.split()[1]), headers, body


class RawSocket:
    """A WebSocket that reads only when told to."""

    def __init__(self, sock: socket.socket, **headers: str) -> None:
        self._socket = sock
        self._wire = WSConnection(ConnectionType.CLIENT)
        extra = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        sock.sendall(
            self._wire.send(
                Request(host="localhost", target="/v1/stream", extra_headers=extra, extensions=[PerMessageDeflate()])
            )
        )
        self._events: list[Any] = []
        self._text = ""
        self.accepted: AcceptConnection | None = None
        event = self._next()
        if isinstance(event, AcceptConnection):
            self.accepted = event

    def send(self, message: object) -> None:
        self.send_text(orjson.dumps(message).decode())

    def send_text(self, text: str) -> None:
        self._socket.sendall(self._wire.send(TextMessage(data=text)))

    def receive(self) -> dict[str, Any] | None:
        """The next message; None once the server has closed."""
        while not isinstance(event := self._next(), CloseConnection):
            if isinstance(event, Message):
                self._text += str(event.data)
                if event.message_finished:
                    text, self._text = self._text, ""
                    message: dict[str, Any] = orjson.loads(text)
                    return message
        return None

    def receive_answer(self, ref: object) -> list[dict[str, Any]]:
        """All messages with this `ref` to the last of its stream; those with another one are an error."""
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] not in {"message_stop", "error"}:
            message = self.receive()
            assert message is not None
            assert message["ref"] == ref
            messages.append(message)
        return messages

    def _next(self) -> Any:
        while not self._events:
            data = self._socket.recv(65_536)
            self._wire.receive_data(data or None)
            self._events += self._wire.events()
        return self._events.pop(0)
