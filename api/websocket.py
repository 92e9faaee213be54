"""WebSocket: what flask-sock's server needs to be safe under gevent.

simple-websocket writes with `send`, which under gevent may take half of a frame while a slow reader stalls; the next
frame then lands in the middle. It also accepts permessage-deflate whenever it is offered, which costs 98 kB a
connection and lets 261 kB of bomb become 517 MiB. Both are mended before it sees the connection: it gets a socket
whose `send` writes all, and no offer of extensions.
"""

import contextlib
import socket
import threading
from typing import Any

from api.client import SEND_TIMEOUT_S
from queue_config.errors import InvalidRequest

SERVER_OPTIONS = {"ping_interval": 20, "max_message_size": 1 << 20}
_SOCKET = "gunicorn.socket"


def prepare(environ: dict[str, Any]) -> None:
    """Check the handshake and mend the environment; raise InvalidRequest while that is still an HTTP answer."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or not environ.get("HTTP_SEC_WEBSOCKET_KEY"):
        raise InvalidRequest("sec-websocket-version: should be 13, with a sec-websocket-key")
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    if _SOCKET in environ:
        environ[_SOCKET] = WholeWrites(environ[_SOCKET])


class WholeWrites:
    """A socket whose `send` writes everything, one caller at a time, or cuts the connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(SEND_TIMEOUT_S)
        self._lock = threading.Lock()

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
        return self._socket.recv(size)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
