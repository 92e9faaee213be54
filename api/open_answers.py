"""OpenAnswers: how many answers each key is waiting for in this process; a key has a limit."""

import threading
from collections import Counter

from api.caller import Caller
from queue_config.errors import RateLimited

RETRY_AFTER_S = 5


class OpenAnswers:
    def __init__(self) -> None:
        # Holds only tenants that wait for something, so it is no larger than what is open.
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def check(self, caller: Caller) -> None:
        """Raise RateLimited where the key has as many as it may."""
        limit = caller.limits.streams
        if limit and self._counts[caller.tenant] >= limit:
            raise RateLimited(f"This API key may wait for {limit} answers at a time.", RETRY_AFTER_S)

    def enter(self, caller: Caller) -> None:
        with self._lock:
            self._counts[caller.tenant] += 1

    def leave(self, caller: Caller) -> None:
        with self._lock:
            self._counts[caller.tenant] -= 1
            if not self._counts[caller.tenant]:
                del self._counts[caller.tenant]
