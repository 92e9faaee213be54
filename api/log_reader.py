"""LogReader: reads event logs for all open streams, and spares a Redis that doesn't answer hundreds of questions."""

import logging
import threading
import time
from collections.abc import Callable

from queue_config.connection import RedisError
from queue_config.event_log import Entry, EventLog, Position

PAUSE_S = 0.4
"""For so long nobody asks again after a failure; then one does, and the others when it has its answer."""

_logger = logging.getLogger(__name__)


class LogReader:
    def __init__(self, log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._is_away = False
        self._asks_at = float("-inf")

    def read(self, job_id: str, after: Position) -> list[Entry] | None:
        """The log from just behind `after`; None where Redis doesn't answer, or didn't a moment ago."""
        if self._is_away and not self._may_ask():
            return None
        try:
            found = self._log.read(job_id, after)
        except RedisError as error:
            self._fail(error)
            return None
        if self._is_away:
            self._is_away = False
            _logger.info("event logs can be read again")
        return found

    def _may_ask(self) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._asks_at:
                return False
            self._asks_at = now + PAUSE_S
            return True

    def _fail(self, error: RedisError) -> None:
        with self._lock:
            self._asks_at = self._clock() + PAUSE_S
            was_away, self._is_away = self._is_away, True
        if not was_away:
            _logger.warning("event logs can't be read; streams wait", extra={"error": str(error)})
