"""WorkerProcess: the order in which a worker's parts start and stop, and why."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from queue_config.connection import REDIS_AWAY
from queue_config.subscription import Subscription
from workers.books import Books
from workers.generation import Stop
from workers.intake import Intake
from workers.loop import EngineLoop
from workers.publisher import Publisher
from workers.rq_worker import PinnedWorker

DRAIN_POLL_S = 0.1

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class WorkerProcess:
    """`run` turns the calling thread into the engine thread until SIGTERM or SIGINT."""

    worker: PinnedWorker
    loop: EngineLoop
    publisher: Publisher
    books: Books
    intake: Intake
    ear: Subscription
    recover: Callable[[], None]
    """Puts back what dead predecessors had started."""
    drain_s: float
    is_draining: bool = False

    def run(self) -> None:
        """Serve; the first signal drains, the second one skips the wait."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.serve()

    def serve(self) -> None:
        """Start everything, step the engine until `drain` or `stop`, end everything."""
        self.worker.bootstrap("WARNING")
        # Before intake: what a dead predecessor had started goes ahead of newer requests.
        self.recover()
        self.publisher.start()
        self.books.start()
        # The ear before intake: a request queued in between is either heard or found.
        self.ear.start()
        self.intake.start()
        log.info("ready", extra={"worker": self.worker.name})
        self.loop.run()
        self._shut_down()

    def drain(self) -> None:
        """Take nothing new, let what runs finish for `drain_s`, then stop. Not for the engine thread."""
        self.is_draining = True
        log.info("draining", extra={"live": self.books.live})
        self.intake.stop()
        until = time.monotonic() + self.drain_s
        while self.books.live and time.monotonic() < until:
            time.sleep(DRAIN_POLL_S)
        self.stop()

    def stop(self) -> None:
        """Stop after the current turn; what is unfinished goes back to its queue."""
        self.loop.inbox.put(Stop())

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_draining:
            self.stop()
        else:
            self.is_draining = True
            threading.Thread(target=self.drain, name="drain", daemon=True).start()

    def _shut_down(self) -> None:
        self.intake.stop()
        # The publisher before the books: its last events decide which jobs have ended and which are handed back.
        self.publisher.stop()
        self.ear.close()
        try:
            self.books.stop()
            self.worker.teardown()  # type: ignore[no-untyped-call]
        except REDIS_AWAY as error:
            # The next worker of this slot finds what is left.
            log.warning("Redis does not answer; the books stay open", extra={"error": str(error)})
        log.info("stopped")


def exit_if_a_thread_dies() -> None:
    """A worker that lost one of its threads would look alive and do nothing; better to be restarted."""

    def die(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread else "?"
        log.critical("thread died", extra={"died": name}, exc_info=failure.exc_value)
        os._exit(70)

    threading.excepthook = die
