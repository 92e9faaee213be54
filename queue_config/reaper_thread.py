"""ReaperThread: the reaper's look, once a second, for as long as its process lives."""

import logging
import threading

from queue_config.connection import RedisError
from queue_config.reaper import Reaper

EVERY_S = 1.0

log = logging.getLogger(__name__)


class ReaperThread:
    def __init__(self, reaper: Reaper) -> None:
        self._reaper = reaper
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the turn in hand has ended."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(EVERY_S):
            try:
                self._reaper.turn()
            except RedisError as error:
                log.warning("the reaper can't look", extra={"error": str(error)})
            except Exception:
                # Whatever it is, the next look must come: others wait for this work.
                log.exception("the reaper failed")
