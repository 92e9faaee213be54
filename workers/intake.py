"""Intake: takes requests from the queues while the batch has room, and sends them to the engine."""

import logging
import threading
from collections import deque

from queue_config.claims import Claims, NoLease
from queue_config.connection import REDIS_AWAY
from workers.attempts import Attempts, FencedOff
from workers.books import Books
from workers.rq_worker import LiveJob
from workers.standing import Standing
from workers.suspects import Suspects

POLL_S = 0.5
"""How long a lost wake-up can go unnoticed."""
RETRY_S = 0.3
SUSPECT_POLL_S = 0.05

log = logging.getLogger(__name__)


class Intake:
    """One thread. A request passes from its queue to the worker's claim list, to RQ's books, to the engine's inbox;
    whichever process dies in between, a reaper finds it in one of them.

    `slots` counts the free places in the batch; one is taken here for each request and given back when it leaves.
    Requests of message batches get no more than `batch_slots` of them, so that somebody who comes along finds a place
    at once, and doesn't wait for an answer that nobody is reading.
    """

    def __init__(
        self,
        standing: Standing,
        claims: Claims,
        books: Books,
        attempts: Attempts,
        slots: threading.Semaphore,
        batch_slots: int,
    ) -> None:
        self._standing = standing
        self._claims = claims
        self._books = books
        self._attempts = attempts
        self._slots = slots
        self._batch_slots = batch_slots
        self._claimed: deque[str] = deque()
        self._is_unsure = False
        """Ids may be on the claim list that we don't know of, from a reply that never came."""
        self._in_hand: str | None = None
        """It may be started already, though we haven't heard so."""
        self._suspects = Suspects(books, attempts)
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
            if self._standing.is_lost:
                self._come_back()
                continue
            if not self._slots.acquire(timeout=POLL_S):
                continue
            if not self._take_one():
                self._slots.release()

    def _take_one(self) -> bool:
        """Send one request on its way, if there is one; True where it now holds the slot."""
        try:
            live = self._begin_next()
        except NoLease:
            # The pulse renews it, or finds out that it is lost.
            self._stopping.wait(RETRY_S)
            return False
        except REDIS_AWAY as error:
            log.warning("Redis does not answer; intake waits", extra={"error": str(error)})
            self._is_unsure = True
            self._stopping.wait(RETRY_S)
            return False
        return live is not None and self._send(live)

    def _begin_next(self) -> LiveJob | None:
        """Start the next request; None, after a moment, where there is none that may begin."""
        self._woken.clear()
        if self._suspects.is_on_trial():
            self._stopping.wait(SUSPECT_POLL_S)
            return None
        job_id = self._in_hand = self._next_id()
        if job_id is None:
            self._woken.wait(POLL_S)
            return None
        if not self._suspects.may_begin(job_id):
            self._stopping.wait(SUSPECT_POLL_S)
            return None
        live = self._books.begin(job_id)
        if live is None:
            self._claims.drop(job_id)
        self._in_hand = None
        return live

    def _come_back(self) -> None:
        """Others have what was ours. Only when nothing of it is left anywhere in this process may it work again."""
        cleared = threading.Event()
        lost = self._books.abandon(cleared.set)
        self._claimed.clear()
        self._in_hand = None
        self._suspects.clear()
        while not self._stopping.is_set():
            if not cleared.wait(RETRY_S):
                continue
            try:
                if self._standing.enrol():
                    self._books.reopen()
                    log.info("back as a new worker", extra={"dropped": lost})
                    return
            except REDIS_AWAY as error:
                log.warning("Redis does not answer; coming back waits", extra={"error": str(error)})
            self._stopping.wait(RETRY_S)

    def _next_id(self) -> str | None:
        if self._in_hand is not None:
            return self._in_hand
        if self._is_unsure:
            self._claimed = deque(self._claims.held())
            self._is_unsure = False
        if self._claimed:
            return self._claimed.popleft()
        return self._claims.take(batches=self._books.live_of_batches < self._batch_slots)

    def _send(self, live: LiveJob) -> bool:
        """RQ says that we have it, so it is sent for as long as it takes Redis to answer."""
        while True:
            try:
                return self._attempts.begin(live.request, self._books.worker_name)
            except FencedOff:
                self._books.fenced(live.request.id)
                return False
            except REDIS_AWAY as error:
                log.warning("Redis does not answer; a start waits", extra={"error": str(error)})
                if self._stopping.wait(RETRY_S):
                    return False
