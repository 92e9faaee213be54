"""Mailbox: what one open stream has still to look at."""

import queue
from typing import Literal, NamedTuple

from queue_config.event_log import Position

LIMIT = 1_000
"""Events that a stream may be behind; one further behind reads them from the log instead."""


class Live(NamedTuple):
    """An event as it was published; its JSON is read only by those who want it."""

    position: Position
    payload: bytes


News = Live | Literal["quiet", "lost"]


class Mailbox:
    """Filled by the hub's threads, emptied by the stream's own. Never blocks the one who fills it."""

    def __init__(self) -> None:
        # Looked up when called: gevent puts its own class in this place.
        self._items: queue.SimpleQueue[Live | Literal["quiet"]] = queue.SimpleQueue()
        self._lost = False
        self._was_quiet = False

    def put(self, live: Live) -> None:
        self._was_quiet = False
        if self._items.qsize() < LIMIT:
            self._items.put(live)
        else:
            self._lost = True

    def tick(self) -> None:
        """Time has passed; its owner hears of it only after a whole tick without news."""
        if self._was_quiet and self._items.empty():
            self._items.put("quiet")
        self._was_quiet = True

    def lose(self) -> None:
        """Something may have been missed; whatever waits here is worthless now, for the log has it."""
        self._lost = True
        self._items.put("quiet")

    def get(self) -> News:
        """Wait for news: an event, silence, or that the log must be read."""
        item = self._items.get()
        if not self._lost:
            return item
        self._lost = False
        while not self._items.empty():
            self._items.get()
        return "lost"
