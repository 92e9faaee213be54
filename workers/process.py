"""WorkerProcess: the order in which a worker's parts start and stop, and why."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from queue_config.connection import REDIS_AWAY, Redis
from queue_config.rounds import Rounds
from queue_config.subscription import Subscription
from workers.books import Books
from workers.generation import Stop
from workers.intake import Intake
from workers.loop import EngineLoop
from workers.publisher import Publisher
from workers.pulse import Pulse
from workers.rq_worker import PinnedWorker
from workers.standing import Standing
from workers.watchdog import STUCK, Watchdog

DRAIN_POLL_S = 0.1
AT_ONCE_S = 3.0
"""How long a worker that is told a second time to stop may take to hand back what it has."""
ENROL_POLL_S = 0.2
SWITCH_S = 0.0005
"""So long the engine thread may go on in Python while another one wants to; see tests/perf/host_time.py.

It launches a GPU's step in Python, 4 to 7 ms of it, and each of Redis' answers that intake or publisher waits for comes
in between. With Python's own 5 ms, 64 requests of 200 tokens took 5.3 to 5.9 s where they take 2.8 so; the steps took
1.6 of it.
"""

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
    standing: Standing
    quick: Redis
    """The standing's and the pulse's own client."""
    pulse: Pulse
    reaper: Rounds
    reporter: Rounds
    redis_watch: Rounds
    recover: Callable[[], None]
    """Takes what dead predecessors had."""
    drain_s: float
    hang_s: float
    is_draining: bool = False
    is_stepping: bool = False

    def run(self) -> None:
        """Serve; the first signal drains, the second one skips the wait."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        Watchdog(self._hung_for_s, self.hang_s, self.standing.end).start()
        self.serve()

    def serve(self) -> None:
        """Start everything, step the engine until `drain` or `stop`, end everything."""
        sys.setswitchinterval(SWITCH_S)
        with self.quick:
            self.redis_watch.start()
            if self._come_up():
                self._serve()
            self.redis_watch.close()

    def _serve(self) -> None:
        self.publisher.start()
        self.books.start()
        self.pulse.start()
        self.reaper.start()
        self.reporter.start()
        # The ear before intake: a request queued in between is either heard or found.
        self.ear.start()
        self.intake.start()
        log.info("ready", extra={"worker": self.worker.name})
        self.is_stepping = True
        self.loop.run()
        self.is_stepping = False
        self._shut_down()

    def _come_up(self) -> bool:
        """Wait for Redis, however long: the model is loaded, and would be again after an end. False where told to stop.

        May be cut off anywhere, and begins anew.
        """
        while True:
            try:
                self.worker.come_up()
                # Before intake: what a dead predecessor had started goes ahead of newer requests.
                self.recover()
                if self.standing.enrol():
                    return True
            except REDIS_AWAY as error:
                log.warning("Redis does not answer; this worker waits for it", extra={"error": str(error)})
            if self.is_draining:
                return False
            time.sleep(ENROL_POLL_S)

    def drain(self) -> None:
        """Take nothing new, let what runs finish for `drain_s`, then stop. Not for the engine thread."""
        self.is_draining = True
        self.pulse.hurry()
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
            # Whatever may hold it up: reapers see to what it leaves.
            threading.Thread(target=_exit_soon, name="exit", daemon=True).start()
        else:
            self.is_draining = True
            threading.Thread(target=self.drain, name="drain", daemon=True).start()

    def _hung_for_s(self) -> float:
        """How long the engine has had to do something and done nothing; waiting for Redis to take tokens is no hang."""
        is_excused = not self.is_stepping or self.publisher.is_full
        return 0.0 if is_excused else time.monotonic() - self.loop.last_turn_at

    def _shut_down(self) -> None:
        self.intake.stop()
        # The publisher before the books: its last events decide which jobs have ended and which are handed back.
        self.publisher.stop()
        self.ear.close()
        try:
            self.books.stop()
            self.pulse.stop()
            self.standing.retire()
            self.worker.teardown()  # type: ignore[no-untyped-call]
        except REDIS_AWAY as error:
            # The reapers find what is left.
            log.warning("Redis does not answer; the books stay open", extra={"error": str(error)})
        finally:
            self.pulse.stop()
            self.reaper.close()
            self.reporter.close()
        log.info("stopped")


def _exit_soon() -> None:
    time.sleep(AT_ONCE_S)
    os._exit(STUCK)


def exit_if_a_thread_dies() -> None:
    """A worker that lost one of its threads would look alive and do nothing; better to be restarted."""

    def die(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread else "?"
        log.critical("thread died", extra={"died": name}, exc_info=failure.exc_value)
        os._exit(70)

    threading.excepthook = die
