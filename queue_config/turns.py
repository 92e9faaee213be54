"""Turns: a pool's connections, for which many may wait at once without Redis being away."""

import time
from math import inf
from queue import Empty, LifoQueue
from typing import Any

MOST = 10
"""So many times their patience users wait at most, however busy the connections are."""


class Turns(LifoQueue[Any]):
    """Whoever waits is patient anew as long as others bring connections back that work.

    A hundred requests that come at once, on a machine that is busy, wait for 64 connections longer than anybody should
    wait for a Redis that says nothing.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._answered_at = -inf

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """A connection; None where one may be made."""
        self.note(item)
        super().put(item, block, timeout)

    def note(self, item: Any) -> None:
        """It was brought back."""
        # One that got no answer has been closed.
        if item is not None and item.is_connected:
            self._answered_at = time.monotonic()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """Raises Empty where none came back in `timeout` seconds."""
        began_at = asked_at = time.monotonic()
        while True:
            try:
                return super().get(block, timeout)
            except Empty:
                now = time.monotonic()
                if timeout is None or self._answered_at < asked_at or now - began_at >= MOST * timeout:
                    raise
                asked_at = now
