"""Cores: parts of one work at a time, done side by side by threads that sleep in between.

For what NumPy and the BLAS do without Python's lock. The BLAS's own threads wait busily for each other, which on cores
that others use as well takes longer than they save.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

_MOST = 8


class Cores:
    """Threads start when they are first needed, and end with the process."""

    def __init__(self, count: int = 0) -> None:
        """0: as many as this process may use, up to 8."""
        self.count = count or min(_MOST, _usable())
        self._others = ThreadPoolExecutor(max(1, self.count - 1), thread_name_prefix="cores")

    def run(self, parts: Sequence[Callable[[], object]]) -> None:
        """Do all of them, the first one here; no more than `count`. Raises what one of them raises."""
        others = [self._others.submit(part) for part in parts[1:]]
        parts[0]()
        for other in others:
            other.result()


def _usable() -> int:
    # Not on macOS.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
