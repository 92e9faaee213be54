"""BodyRoom: how many bytes of request bodies this process holds at a time, from the first byte to the accepted request.

Read as JSON a body takes several times its size, so a few dozen of the largest would otherwise end the process.
"""

import threading

from queue_config.errors import Overloaded


class BodyRoom:
    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> None:
        """Raise Overloaded where there is no room for so much more."""
        with self._lock:
            if size_bytes > self._left_bytes:
                raise Overloaded("Too many large requests are being read; try again soon.")
            self._left_bytes -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        with self._lock:
            self._left_bytes += size_bytes
