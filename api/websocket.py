"""WebSocket: what flask-sock's server needs to be safe under gevent.

simple-websocket writes with `send`, which under gevent may take half of a frame while a slow reader stalls; the next
frame then lands in the middle. It also accepts permessage-deflate whenever it is offered, which costs 98 kB a
connection and lets 261 kB of bomb become 517 MiB. And it reads whatever comes, however much of it has not been looked
at. All three are mended before it sees the connection: it gets a socket whose `send` writes all and whose `recv` waits
for the backlog, and no offer of extensions.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sized
from typing import Any

from api.client import SEND_TIMEOUT_S
from queue_config.errors import InvalidRequest

SERVER_OPTIONS = {"ping_interval": 20, "max_message_size": 1 << 20}
BACKLOG = 8
"""Messages that may lie unread; with more, nothing is read from the socket."""
_POLL_S = 0.02
_SOCKET = "gunicorn.socket"


def prepare(environ: dict[str, Any]) -> None:
    """Check the handshake and mend the environment; raise InvalidRequest while that is still an HTTP answer."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or not environ.get("HTTP_SEC_WEBSOCKET_KEY"):
        raise InvalidRequest("sec-websocket-version: should be 13, with a sec-websocket-key")
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    if _SOCKET in environ:
        environ[_SOCKET] = WholeWrites(environ[_SOCKET])


@contextlib.contextmanager
def held_back(connection: Any) -> Iterator[None]:
    """In the context no more is read from a connection of flask-sock's than its messages are taken."""
    sock = connection.sock
    if not isinstance(sock, WholeWrites):
        # In tests without gunicorn.
        yield
        return
    sock.backlog = connection.input_buffer
    try:
        yield
    finally:
        sock.backlog = ()


class WholeWrites:
    """A socket whose `send` writes everything, one caller at a time, or cuts the connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(SEND_TIMEOUT_S)
        self._lock = threading.Lock()
        self.backlog: Sized = ()
        """What was received and not taken."""

    def send(self, data: bytes) -> int:
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                # Part of it may be out: nothing that followed could be read.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                raise
        return len(data)

    def recv(self, size: int) -> bytes:
        while len(self.backlog) >= BACKLOG:
            time.sleep(_POLL_S)
        return self._socket.recv(size)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
