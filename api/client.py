"""Client: who waits at the other end of a request, and whether they still do."""

import select
import socket
from collections.abc import Mapping
from typing import Any

from gevent import monkey

SEND_TIMEOUT_S = 60.0
"""A client that takes nothing for this long is cut off: it holds a connection and a growing backlog."""

# Where the platform has it, this also shows a client who left with a pipelined request still unread.
_HUNG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class Client:
    """Without a socket to look at (Flask's test client) nobody is ever gone."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._socket: socket.socket | None = environ.get("gunicorn.socket")

    def limit_sends(self) -> None:
        """From now on a write that stalls raises TimeoutError."""
        if self._socket is not None:
            self._socket.settimeout(SEND_TIMEOUT_S)

    def is_gone(self) -> bool:
        """Whether the client has closed the connection; never blocks."""
        if self._socket is None:
            return False
        if self._socket.fileno() < 0:
            return True
        try:
            return self._has_closed(self._socket)
        except OSError:
            return True
        except ValueError:
            # A TLS socket can't be peeked at; a failing write will tell.
            return False

    def _has_closed(self, sock: socket.socket) -> bool:
        # gevent's own poll goes through its loop, and select() ends at descriptor 1,023.
        poll = monkey.get_original("select", "poll")()
        poll.register(sock.fileno(), select.POLLIN | getattr(select, "POLLRDHUP", 0))
        ready = poll.poll(0)
        if not ready:
            return False
        return bool(ready[0][1] & _HUNG_UP) or sock.recv(1, socket.MSG_PEEK) == b""
