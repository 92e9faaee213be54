"""Chore: work of the service as a whole, done again and again by one API process at a time."""

import logging
import threading
from collections.abc import Callable

from queue_config.chore_lease import ChoreLease
from queue_config.connection import RedisError

STANDBY_S = 1.0
"""How often a process without the lease tries for it, and how long one waits after a failure."""

_logger = logging.getLogger(__name__)


class Chore:
    """A thread; `turn` does what there is to do and says after how many seconds to look again."""

    def __init__(self, name: str, lease: ChoreLease, turn: Callable[[], float]) -> None:
        self._lease = lease
        self._turn = turn
        self._name = name
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the turn in hand has ended."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._closed.wait(pause_s):
            pause_s = self._once()
        try:
            self._lease.release()
        except RedisError:
            _logger.info("a lease is left to run out", extra={"chore": self._name})

    def _once(self) -> float:
        try:
            return self._turn() if self._lease.hold() else STANDBY_S
        except RedisError as error:
            _logger.warning("Redis failed: %s", error, extra={"chore": self._name})
        except Exception:
            # Whatever it is, the next turn must come: others wait for this work.
            _logger.exception("a chore failed", extra={"chore": self._name})
        return STANDBY_S
