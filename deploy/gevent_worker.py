"""gunicorn's gevent worker: silent connections give way in a crowd, and what is no HTTP is answered like any error."""

import socket
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import gevent
from gunicorn.util import write_nonblock  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

from api.wire.ids import new_request_id
from deploy.protocol_errors import answer, refusal
from queue_config.errors import PensieveError

CROWDED = 0.75
"""From this part of all connections on there is a crowd."""
CROWDED_PATIENCE_S = 2.0
ONE_ADDRESS = 0.5
"""The part of all connections that one address may have; this machine itself may have all."""
LINGERS_S = 2.0
LINGERS_BYTES = 64_000_000
"""How long, and for how much, a connection that is given up still reads: closed at once, its answer would be lost."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def patience_s(open_connections: int, most: int, usual_s: float) -> float:
    """How long a connection may take for the whole head of a request, idleness before it included.

    gunicorn's own time is the same however full it is, so that 5,000 connections that say nothing keep everybody out.
    """
    return min(usual_s, CROWDED_PATIENCE_S) if open_connections > CROWDED * most else usual_s


def may_connect(address: str, open_from_there: int, most: int) -> bool:
    return open_from_there < ONE_ADDRESS * most or _is_this_machine(address)


class ApiWorker(GeventWorker):  # type: ignore[misc]
    wsgi: Application

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._open = 0
        self._open_from: Counter[str] = Counter()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        # An empty string for a Unix socket.
        address = addr[0] if addr else ""
        if not may_connect(address, self._open_from[address], self.worker_connections):
            client.close()
            return
        self._open += 1
        self._open_from[address] += 1
        try:
            super().handle(listener, client, addr)
        finally:
            self._open -= 1
            self._open_from[address] -= 1
            if not self._open_from[address]:
                del self._open_from[address]

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = ending_connections(self.wsgi)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            _linger(sock)
            raise

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """gunicorn's own answer is HTML, and its log line repeats what the client sent."""
        request_id = new_request_id()
        refused = refusal(exc)
        if refused is None:
            self.log.error("a connection failed", exc_info=exc, extra={"request_id": request_id})
        else:
            said = {"client": addr[0] if addr else "", "status": refused.status, "error": type(exc).__name__}
            self.log.warning("refused what is no HTTP", extra={"request_id": request_id, **said})
        with suppress(OSError):
            write_nonblock(client, answer(refused or PensieveError("Internal server error"), request_id))
            _linger(client)

    def timeout_ctx(self) -> Any:
        return gevent.Timeout(patience_s(self._open, self.worker_connections, self.cfg.keepalive), exception=False)


def ending_connections(application: Application) -> Application:
    """`application`, whose answers close the connection where they say so; gunicorn passes over that header."""

    def ending(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if ("connection", "close") in ((name.lower(), value) for name, value in headers):
                # A method of gunicorn's response.
                start_response.__self__.force_close()  # type: ignore[attr-defined]
            return start_response(status, headers, *rest)

        return application(environ, start)

    return ending


def _linger(sock: Any) -> None:
    """Read what still comes, so that the client, which may be sending yet, comes to read its answer."""
    left = LINGERS_BYTES
    with suppress(OSError), gevent.Timeout(LINGERS_S, exception=False):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and (piece := sock.recv(65_536)):
            left -= len(piece)


def _is_this_machine(address: str) -> bool:
    return not address or ip_address(address.partition("%")[0]).is_loopback
