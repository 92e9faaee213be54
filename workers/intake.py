"""Intake: takes requests from the queues while the batch has room, and sends them to the engine."""

import logging
import threading
from collections import deque

from queue_config.claims import Claims
from queue_config.connection import REDIS_AWAY
from workers.attempts import Attempts, FencedOff
from workers.books import Books
from workers.rq_worker import LiveJob

POLL_S = 0.5
"""How long a lost wake-up can go unnoticed."""
RETRY_S = 0.3

log = logging.getLogger(__name__)


class Intake:
    """One thread. A request passes from its queue to the slot's claim list, to RQ's books, to the engine's inbox;
    whichever process dies in between, the next one finds it in one of them.

    `slots` counts the free places in the batch; one is taken here for each request and given back when it leaves.
    """

    def __init__(self, claims: Claims, books: Books, attempts: Attempts, slots: threading.Semaphore) -> None:
        self._claims = claims
        self._books = books
        self._attempts = attempts
        self._slots = slots
        self._claimed: deque[str] = deque()
        self._is_unsure = True
        """Ids may be on the claim list that we don't know of: a predecessor's, or from a reply that never came."""
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be something in the queues."""
        self._woken.set()

    def stop(self) -> None:
        """Take nothing more; returns when the request in hand, if any, is on its way."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._slots.acquire(timeout=POLL_S):
                continue
            if not self._take_one():
                self._slots.release()

    def _take_one(self) -> bool:
        """Send one request on its way, if there is one; True where it now holds the slot."""
        self._woken.clear()
        try:
            job_id = self._next_id()
            if job_id is None:
                self._woken.wait(POLL_S)
                return False
            live = self._books.begin(job_id)
            self._claims.drop(job_id)
        except REDIS_AWAY as error:
            log.warning("Redis does not answer; intake waits", extra={"error": str(error)})
            self._is_unsure = True
            self._stopping.wait(RETRY_S)
            return False
        return live is not None and self._send(live)

    def _next_id(self) -> str | None:
        if self._is_unsure:
            self._claimed = deque(self._claims.held())
            self._is_unsure = False
        return self._claimed.popleft() if self._claimed else self._claims.take()

    def _send(self, live: LiveJob) -> bool:
        """RQ says that we have it, so it is sent for as long as it takes Redis to answer."""
        while True:
            try:
                ended = self._attempts.begin(live.request, self._books.worker_name)
            except FencedOff:
                self._books.fenced(live.request.id)
                return False
            except REDIS_AWAY as error:
                log.warning("Redis does not answer; a start waits", extra={"error": str(error)})
                if self._stopping.wait(RETRY_S):
                    return False
            else:
                if ended is not None:
                    self._books.ended(live.request.id, ended)
                return ended is None
