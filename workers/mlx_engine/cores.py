"""Cores: parts of one work at a time, done side by side by threads that sleep in between.

For what NumPy and the BLAS do without Python's lock. The BLAS's own threads wait busily for each other, which on cores
that others use as well takes longer than they save. A pass hands out work a hundred times, and a ThreadPoolExecutor
takes 80 us each time, of which these take 20.
"""

import os
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread

Part = Callable[[], object]

_MOST = 8


class Cores:
    """Threads start when they are first needed, and end with the process. For one caller at a time."""

    def __init__(self, count: int = 0) -> None:
        """0: as many as this process may use, up to 8."""
        self.count = count or min(_MOST, _usable())
        self._waiting: list[SimpleQueue[Part]] = []
        """Of each thread."""
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self, parts: Sequence[Part]) -> None:
        """Do all of them, the first one here; no more than `count`. Raises what one of them raises."""
        first, *others = parts
        while len(self._waiting) < len(others):
            self._start()
        for waiting, part in zip(self._waiting, others, strict=False):
            waiting.put(part)
        errors = [_error_of(first)]
        # Not before all are done: they work on the caller's arrays.
        errors += [self._done.get() for _ in others]
        for error in errors:
            if error is not None:
                raise error

    def _start(self) -> None:
        waiting: SimpleQueue[Part] = SimpleQueue()
        self._waiting.append(waiting)
        Thread(target=_work, args=(waiting, self._done), name=f"core {len(self._waiting)}", daemon=True).start()


def _work(waiting: "SimpleQueue[Part]", done: "SimpleQueue[BaseException | None]") -> None:
    while True:
        done.put(_error_of(waiting.get()))


def _error_of(part: Part) -> BaseException | None:
    try:
        part()
    except BaseException as error:  # noqa: BLE001 - raised by whoever asked
        return error
    return None


def _usable() -> int:
    # Not on macOS.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
