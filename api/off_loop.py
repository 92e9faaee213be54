"""Long computing, which under gevent would hold up every other request, in real threads, few of them for the large."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import gevent
from gevent import monkey

from queue_config.errors import Overloaded

LARGE_BYTES = 1_000_000
LARGE_AT_ONCE = 4
"""Of gevent's ten threads: the others are there for what is soon done, however much of this there is."""
PATIENCE_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


class Lanes:
    """off_loop for work whose size somebody else chose."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)

    def run(self, work: Callable[[], T], size_bytes: int) -> T:
        """The result of `work`. Raises Overloaded where it is large and much such work goes on."""
        if size_bytes <= LARGE_BYTES:
            return off_loop(work)
        if not self._large.acquire(timeout=self._patience_s):
            raise Overloaded("Too many large requests are being read; try again soon.")
        try:
            return off_loop(work)
        finally:
            self._large.release()


def off_loop(work: Callable[[], T]) -> T:
    """The result of `work`, meanwhile letting others run: in so far as it releases the GIL, or is pure Python."""
    if not monkey.is_module_patched("threading"):
        return work()
    outcome: T | _Raised = gevent.get_hub().threadpool.apply(_outcome, (work,))
    if isinstance(outcome, _Raised):
        raise outcome.error
    return outcome


def _outcome(work: Callable[[], T]) -> T | _Raised:
    """gevent prints whatever is raised in its threads, though somebody catches it."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - raised again where it was asked for
        return _Raised(error)
