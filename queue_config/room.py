"""Room: whether Redis takes new requests, asked about once a second, so that a refusal costs nothing while it doesn't.

Its memory must not get full: a full Redis refuses the events of running requests too, and nothing would end any more.
"""

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from queue_config.errors import Overloaded
from queue_config.redis_state import RedisState, read

FRESH_S = 1.0
FRESH_BYTES = 4_000_000
"""What may be accepted before Redis is asked again, however soon."""
AWAY_S = 0.5
"""For so long nobody asks again after Redis has not answered."""

_NEARLY_FULL = "Nothing of this size is accepted now: Redis's memory is nearly full."
_AWAY = "The queue can't be reached; try again soon."
_logger = logging.getLogger(__name__)


class Room:
    def __init__(self, redis: Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._lock = threading.Lock()
        self._state: RedisState | None = None
        self._refusal = ""
        self._asks_at = float("-inf")
        self._taken_bytes = 0
        """Since Redis was asked."""

    def check(self, size_bytes: int = 0) -> None:
        """Raise Overloaded where nothing new can be accepted now, or nothing of this size."""
        if refusal := self._current(size_bytes):
            raise Overloaded(refusal)

    def check_promised(self, size_bytes: int) -> None:
        """Raise Overloaded where there isn't so much left for those who were accepted and have written nothing yet."""
        with self._lock:
            if not self._has_room_for(size_bytes):
                raise Overloaded(_NEARLY_FULL)

    def is_there(self) -> bool:
        return not self._current(0)

    def _current(self, size_bytes: int) -> str:
        # Whoever comes while one asks waits for that answer, and doesn't ask as well.
        with self._lock:
            if self._clock() >= self._asks_at or self._taken_bytes + size_bytes >= FRESH_BYTES:
                self._ask()
            if self._refusal:
                return self._refusal
            if not self._has_room_for(size_bytes):
                return _NEARLY_FULL
            self._taken_bytes += size_bytes
            return ""

    def _has_room_for(self, size_bytes: int) -> bool:
        """As Redis was when it was asked, and by what was accepted since."""
        return self._state is None or self._state.has_room_for(self._taken_bytes + size_bytes)

    def _ask(self) -> None:
        before = self._refusal
        try:
            self._state = read(self._redis, with_config=False)
        except RedisError:
            self._refusal, fresh_s = _AWAY, AWAY_S
        else:
            why = self._state.refusal if self._state else ""
            self._refusal, fresh_s = (f"Nothing new is accepted now: {why}." if why else ""), FRESH_S
        self._asks_at = self._clock() + fresh_s
        self._taken_bytes = 0
        if self._refusal != before:
            _logger.warning(self._refusal or "Redis takes new requests again")
