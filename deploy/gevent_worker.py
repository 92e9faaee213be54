"""gunicorn's gevent worker, with patience that ends: silent connections give way when there are many of them."""

from collections import Counter
from ipaddress import ip_address
from typing import Any

import gevent
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

CROWDED = 0.75
"""From this part of all connections on there is a crowd."""
CROWDED_PATIENCE_S = 2.0
ONE_ADDRESS = 0.5
"""The part of all connections that one address may have; this machine itself may have all."""


def patience_s(open_connections: int, most: int, usual_s: float) -> float:
    """How long a connection may take for the whole head of a request, idleness before it included.

    gunicorn's own time is the same however full it is, so that 5,000 connections that say nothing keep everybody out.
    """
    return min(usual_s, CROWDED_PATIENCE_S) if open_connections > CROWDED * most else usual_s


def may_connect(address: str, open_from_there: int, most: int) -> bool:
    return open_from_there < ONE_ADDRESS * most or _is_this_machine(address)


class ApiWorker(GeventWorker):  # type: ignore[misc]
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

    def timeout_ctx(self) -> Any:
        return gevent.Timeout(patience_s(self._open, self.worker_connections, self.cfg.keepalive), exception=False)


def _is_this_machine(address: str) -> bool:
    return not address or ip_address(address.partition("%")[0]).is_loopback
