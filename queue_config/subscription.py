"""Subscription: one channel read for ever, with its losses made known."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from queue_config.connection import RedisError, RedisSlow, subscriber_connection

SILENCE_S = 5.0
"""After this long without a message the connection is probed; after as long again it is given up."""
RECONNECT_S = 0.1

_logger = logging.getLogger(__name__)


class Subscription:
    """Calls `on_message` with each payload of a channel, from its own thread, until `close`.

    Pub/sub loses whatever is published while no connection stands, without an error. `on_gap` is therefore called after
    every (re)connection, the first included: the reader must then look at the truth in Redis.
    """

    def __init__(self, url: str, channel: str, on_message: Callable[[bytes], None], on_gap: Callable[[], None]) -> None:
        self._url = url
        self._channel = channel
        self._on_message = on_message
        self._on_gap = on_gap
        self._closed = threading.Event()
        # redis-py leaves its connections untyped.
        self._connection: Any = None
        self._stands = False
        self._thread = threading.Thread(target=self._run, name=f"subscriber {channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the thread has ended."""
        self._closed.set()
        if self._connection is not None:
            self._connection.disconnect()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * SILENCE_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._connection = subscriber_connection(self._url)
            try:
                self._connection.connect()
                self._connection.send_command("SUBSCRIBE", self._channel)
                self._read(self._connection)
            except (RedisError, OSError, ValueError) as error:
                # ValueError: close() took the socket away under the read.
                if self._stands and not self._closed.is_set():
                    _logger.warning("a subscription was lost", extra={"channel": self._channel, "error": str(error)})
                self._stands = False
                self._closed.wait(RECONNECT_S)
            finally:
                self._connection.disconnect()

    def _read(self, connection: Any) -> None:
        probed = False
        while not self._closed.is_set():
            try:
                kind, *rest = connection.read_response(timeout=SILENCE_S, disconnect_on_error=False)
            except RedisSlow:
                if probed:
                    raise
                connection.send_command("PING")
                probed = True
                continue
            probed = False
            if kind == b"message":
                self._on_message(rest[1])
            elif kind == b"subscribe":
                self._stands = True
                self._on_gap()
