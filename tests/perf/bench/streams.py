"""Stream: when the pieces of one answer came, as its reader saw them; and many of them at once."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from queue import SimpleQueue
from statistics import median


class Unfinished(Exception):
    """A cell that took too long, or ended badly; its message is what the table says instead of a figure."""


class Enough(Exception):
    """Whoever measures has seen what it wanted: the stream is left."""


@dataclass(slots=True)
class Stream:
    """Filled by one thread while others look on; times of the monotonic clock, in seconds."""

    limit_s: float
    sent_at: float = field(default_factory=time.monotonic)
    texts_at: list[float] = field(default_factory=list)
    tokens: int = 0
    """Of the answer, as its server counts them at its end."""
    enough: threading.Event = field(default_factory=threading.Event)

    def text(self) -> None:
        """Note a piece that came."""
        self.texts_at.append(time.monotonic())
        self.check()

    def check(self) -> None:
        """Raise where the stream should be read no further."""
        if self.enough.is_set():
            raise Enough
        if time.monotonic() - self.sent_at > self.limit_s:
            raise Unfinished(f"not finished in {self.limit_s:.0f} s")

    @property
    def first_s(self) -> float:
        if not self.texts_at:
            raise Unfinished("ended without text")
        return self.texts_at[0] - self.sent_at

    def gaps_ms(self, since: float, until: float) -> list[float]:
        """Between pieces of which the second came in that time."""
        at = list(self.texts_at)
        return [1000 * (b - a) for a, b in pairwise(at) if since <= b <= until]


class Together:
    """Threads that each read a stream; what went wrong in one is raised where they are waited for."""

    def __init__(self, works: Sequence[Callable[[], object]]) -> None:
        self._errors: SimpleQueue[Exception] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def join(self, limit_s: float) -> None:
        """Wait for all. Unfinished if one failed or if they take longer; who still reads then is not waited for."""
        give_up_at = time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))
        self.check()
        # A server's pings keep a stalled stream alive, so its reader may not look at the clock by itself.
        if any(thread.is_alive() for thread in self._threads):
            raise Unfinished(f"not finished in {limit_s:.0f} s")

    def check(self) -> None:
        """Raise what has gone wrong so far."""
        if not self._errors.empty():
            raise self._errors.get()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Enough:
            pass
        except Unfinished as error:
            self._errors.put(error)
        except Exception as error:  # noqa: BLE001 - a failed cell is a result, and the run goes on
            self._errors.put(Unfinished(f"failed: {type(error).__name__}: {str(error)[:100]}"))


def p50(values: Sequence[float]) -> float:
    return median(values)


def p99(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
