"""Rounds: a thread that does the same again and again for as long as its process lives, whatever a turn comes to."""

import logging
import threading
from collections.abc import Callable

from queue_config.connection import RedisError

_logger = logging.getLogger(__name__)


class Rounds:
    """`turn` does what there is to do and says after how many seconds to come back; one that fails says nothing."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], float],
        *,
        failed_pause_s: float,
        first_pause_s: float = 0.0,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._turn = turn
        self._failed_pause_s = failed_pause_s
        self._first_pause_s = first_pause_s
        self._at_end = at_end
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
        pause_s = self._first_pause_s
        while not self._closed.wait(pause_s):
            pause_s = self._once()
        self._at_end()

    def _once(self) -> float:
        try:
            return self._turn()
        except RedisError as error:
            _logger.warning("Redis failed: %s", error, extra={"rounds": self._name})
        except Exception:
            # Whatever it is, the next turn must come: others wait for this work.
            _logger.exception("a turn failed", extra={"rounds": self._name})
        return self._failed_pause_s
