"""Books: the worker's live jobs, and the thread that settles with RQ those that have ended."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection

from queue_config.connection import REDIS_AWAY
from queue_config.events import Finished, Terminal
from workers.rq_worker import LiveJob, PinnedWorker

RETRY_S = 0.2

log = logging.getLogger(__name__)


class Books:
    """Settling takes RQ several round trips, so it has its own thread: other requests' tokens don't wait for it."""

    def __init__(
        self,
        worker: PinnedWorker,
        on_freed: Callable[[], None],
        clear: Callable[[Collection[str], Callable[[], None]], None],
    ) -> None:
        """`clear` forgets the requests that it is given, in the engine and on the way from there, then calls back."""
        self._worker = worker
        self._clear = clear
        self._on_freed = on_freed
        self._live: dict[str, LiveJob] = {}
        self._desk: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="books")

    @property
    def worker_name(self) -> str:
        return self._worker.name

    @property
    def live(self) -> int:
        """Requests that this worker has started and not ended."""
        return len(self._live)

    @property
    def live_ids(self) -> list[str]:
        return list(self._live)

    # Called by intake.

    @property
    def live_of_batches(self) -> int:
        """Those among them that belong to batches."""
        return sum(live.request.lane == "batch" for live in list(self._live.values()))

    def begin(self, job_id: str) -> LiveJob | None:
        """Start a claimed job; None where it needs no start (withdrawn, ended, or begun before)."""
        if job_id in self._live:
            return None
        live = self._worker.begin(job_id)
        if live is not None:
            self._live[job_id] = live
        return live

    def is_suspect(self, job_id: str) -> bool:
        """It has one attempt left, because its workers died over it or beside it."""
        return self._worker.is_on_last_attempt(job_id)

    def abandon(self, done: Callable[[], None]) -> int:
        """Others have all of it: forget it without a word, everywhere; `done` is called when nothing is left of it.

        Returns how much it was.
        """
        lost = self.live_ids
        self._live.clear()
        self._clear(lost, done)
        return len(lost)

    def reopen(self) -> None:
        """Tell RQ that this worker lives after all."""
        self._worker.born_again()

    # Called by the publisher.

    def ended(self, job_id: str, terminal: Terminal) -> None:
        """Its last event is logged."""
        live = self._live.pop(job_id, None)
        if live is None:
            return  # abandoned meanwhile; whoever buried this worker closes RQ's books
        self._on_freed()
        self._desk.put(lambda: self._worker.settle(live, terminal))
        log.info("ended", extra={"job": job_id, "how": type(terminal).__name__.lower()} | _figures(live, terminal))

    def fenced(self, job_id: str) -> None:
        """Another worker has gone on with it."""
        live = self._live.pop(job_id, None)
        if live is not None:
            self._on_freed()
            self._desk.put(lambda: self._worker.forget(live))

    # Called by the pulse.

    def beat(self) -> None:
        """Renew RQ's proofs of life."""
        self._worker.beat(list(self._live.values()))

    # Called at the start and the end.

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Settle what has ended, then hand back what has not."""
        self._desk.put(None)
        self._thread.join()
        for live in self._live.values():
            handed_back = self._worker.hand_back(live)
            log.info("handed back" if handed_back else "another worker has it", extra={"job": live.job.id})

    def _run(self) -> None:
        while (settle := self._desk.get()) is not None:
            self._insist(settle)

    def _insist(self, settle: Callable[[], None]) -> None:
        while True:
            try:
                return settle()
            except (*REDIS_AWAY, ConnectionError):
                time.sleep(RETRY_S)


def _figures(live: LiveJob, terminal: Terminal) -> dict[str, object]:
    """What an operator asks of a request that has ended; not a word of what it said."""
    figures: dict[str, object] = {"lane": live.request.lane, "prompt_tokens": len(live.request.prompt)}
    if isinstance(terminal, Finished):
        figures |= {"cache_read_tokens": terminal.cache_read_tokens, "output_tokens": terminal.output_tokens}
    return figures
