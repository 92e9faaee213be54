"""off_loop: long computing, which under gevent would hold up every other request, in a real thread."""

from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent import monkey

T = TypeVar("T")


def off_loop(work: Callable[[], T]) -> T:
    """The result of `work`, meanwhile letting others run: in so far as it releases the GIL, or is pure Python."""
    if monkey.is_module_patched("threading"):
        result: T = gevent.get_hub().threadpool.apply(work)
        return result
    return work()
