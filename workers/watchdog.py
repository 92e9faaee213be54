"""Watchdog: ends a worker whose engine has stopped stepping, so that it is started again and others get its requests.

Its own thread watches the clock. Should native code hang without giving the interpreter back, that thread stands still
too; then a timer below Python does it, later.
"""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable

LOOK_S = 0.5
FROZEN_S = 3.0
"""A look that comes so late means that the whole process stood still, so the engine had no time either."""
BACKSTOP_S = 60.0
STUCK = 75
"""The exit status."""

log = logging.getLogger(__name__)


class Watchdog:
    """`age_s` is how long the engine has had to do something and done nothing; 0 `patience_s` waits for ever."""

    def __init__(
        self,
        age_s: Callable[[], float],
        patience_s: float,
        last_words: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._age_s = age_s
        self._patience_s = patience_s
        self._last_words = last_words
        self._clock = clock
        self._looked_at = clock()
        self._excused_at = float("-inf")

    def start(self) -> None:
        """For as long as the process lives."""
        if self._patience_s:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def is_stuck(self) -> bool:
        """Look once."""
        now = self._clock()
        if now - self._looked_at > FROZEN_S:
            self._excused_at = now
        self._looked_at = now
        return min(self._age_s(), now - self._excused_at) >= self._patience_s

    def _run(self) -> None:
        while True:
            faulthandler.dump_traceback_later(max(BACKSTOP_S, 4 * self._patience_s), exit=True)
            if self.is_stuck():
                log.critical("the engine does not step; this worker ends", extra={"age_s": round(self._age_s(), 1)})
                faulthandler.dump_traceback()
                # Should Redis hang as well, the lease runs out by itself.
                words = threading.Thread(target=self._last_words, daemon=True)
                words.start()
                words.join(1.0)
                os._exit(STUCK)
            time.sleep(LOOK_S)
