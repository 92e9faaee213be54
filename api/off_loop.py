"""off_loop: long computing, which under gevent would hold up every other request, in a real thread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import gevent
from gevent import monkey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


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
