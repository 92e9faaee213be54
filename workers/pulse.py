"""Pulse: the thread that does nothing but show that the worker lives, and look for cancels.

It waits for nobody: settling with RQ, publishing and decoding go on elsewhere, so none of them can keep a lease from
being renewed.
"""

import logging
import threading
import time
from collections.abc import Callable

from queue_config.connection import REDIS_AWAY
from queue_config.control import Control
from workers.books import Books
from workers.rq_worker import PinnedWorker
from workers.standing import Standing

BEAT_S = 1.0
"""How often the lease is renewed and cancel flags are read; flags can't be lost, messages can."""
RETRY_S = 0.2
RQ_BEAT_S = 5.0

log = logging.getLogger(__name__)


class Pulse:
    def __init__(
        self,
        standing: Standing,
        worker: PinnedWorker,
        books: Books,
        control: Control,
        *,
        cancel: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._standing = standing
        self._worker = worker
        self._books = books
        self._control = control
        self._cancel = cancel
        self._on_lost = on_lost
        self._rq_beat_at = 0.0
        self._hurried = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="pulse")

    def start(self) -> None:
        self._thread.start()

    def hurry(self) -> None:
        """Something in the status has changed that others should know at once."""
        self._hurried.set()

    def stop(self) -> None:
        self._is_stopping = True
        self._hurried.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._beat()
                pause_s = BEAT_S
            except REDIS_AWAY as error:
                log.warning("heartbeat missed", extra={"error": str(error)})
                pause_s = RETRY_S
            self._hurried.wait(pause_s)
            self._hurried.clear()

    def _beat(self) -> None:
        if self._standing.is_lost:
            return
        if not self._standing.renew():
            log.warning("the lease was lost: what this worker had has gone to others")
            self._on_lost()
            return
        for job_id in self._control.canceled_among(self._books.live_ids):
            self._cancel(job_id)
        now = time.monotonic()
        if now - self._rq_beat_at >= RQ_BEAT_S:
            self._rq_beat_at = now
            self._books.beat()
