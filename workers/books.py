"""Books: the worker's live jobs, and the thread that settles them with RQ and renews their proofs of life."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from queue_config.connection import REDIS_AWAY
from queue_config.control import Control
from queue_config.events import Terminal
from workers.rq_worker import LiveJob, PinnedWorker

BEAT_S = 1.0
"""How often the lease is renewed and cancel flags are read; flags can't be lost, messages can."""
RQ_BEAT_S = 5.0
RETRY_S = 0.2

log = logging.getLogger(__name__)


class Books:
    """Settling takes RQ several round trips, so it has its own thread: other requests' tokens don't wait for it."""

    def __init__(
        self,
        worker: PinnedWorker,
        control: Control,
        *,
        renew_lease: Callable[[], None],
        end_lease: Callable[[], None],
        cancel: Callable[[str], None],
    ) -> None:
        self._worker = worker
        self._control = control
        self._renew_lease = renew_lease
        self._end_lease = end_lease
        self._cancel = cancel
        self._live: dict[str, LiveJob] = {}
        self._desk: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._beat_at = self._rq_beat_at = 0.0
        self._thread = threading.Thread(target=self._run, name="books")

    @property
    def worker_name(self) -> str:
        return self._worker.name

    @property
    def live(self) -> int:
        """Requests that this worker has started and not ended."""
        return len(self._live)

    # Called by intake.

    def begin(self, job_id: str) -> LiveJob | None:
        """Start a claimed job; None where it needs no start (withdrawn, ended, or begun before)."""
        if job_id in self._live:
            return None
        live = self._worker.begin(job_id)
        if live is not None:
            self._live[job_id] = live
        return live

    # Called by the publisher.

    def ended(self, job_id: str, terminal: Terminal) -> None:
        """Its last event is logged."""
        live = self._live.pop(job_id)
        self._desk.put(lambda: self._worker.settle(live, terminal))
        log.info("ended", extra={"job": job_id, "how": type(terminal).__name__.lower()})

    def fenced(self, job_id: str) -> None:
        """Another worker has gone on with it."""
        live = self._live.pop(job_id, None)
        if live is not None:
            self._desk.put(lambda: self._worker.forget(live))

    # Called at the start and the end.

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Settle what has ended, then hand back what has not."""
        self._desk.put(None)
        self._thread.join()
        for live in self._live.values():
            self._worker.hand_back(live)
            log.info("handed back", extra={"job": live.job.id})
        self._end_lease()

    def _run(self) -> None:
        while True:
            self._beat()
            try:
                settle = self._desk.get(timeout=BEAT_S / 4)
            except queue.Empty:
                continue
            if settle is None:
                return
            self._insist(settle)

    def _insist(self, settle: Callable[[], None]) -> None:
        while True:
            try:
                return settle()
            except (*REDIS_AWAY, ConnectionError):
                time.sleep(RETRY_S)
                self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at < BEAT_S:
            return
        self._beat_at = now
        try:
            self._renew_lease()
            for job_id in self._control.canceled_among(list(self._live)):
                self._cancel(job_id)
            if now - self._rq_beat_at >= RQ_BEAT_S:
                self._rq_beat_at = now
                self._worker.beat(list(self._live.values()))
        except REDIS_AWAY as error:
            log.warning("heartbeat missed", extra={"error": str(error)})
