"""Link: one machine's way to Redis, which can be frozen, cut and mended while everybody else's stays as it is."""

import selectors
import socket
import threading
from pathlib import Path
from typing import Self

CHUNK_BYTES = 65_536
POLL_S = 0.02


class Link:
    """Forwards TCP on loopback to a Redis server's Unix socket; `url` is how the machine reaches it."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = False
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._flows.set()
        self._thread.join()

    def freeze(self) -> None:
        """Nothing gets through any more, and nobody is told: a cable that was pulled."""
        self._flows.clear()

    def cut(self) -> None:
        """Every connection is reset, new ones too."""
        self._is_cut = True

    def mend(self) -> None:
        """What was on its way when the link froze arrives now."""
        self._is_cut = False
        self._flows.set()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._is_over:
                self._flows.wait()
                for key, _ in selector.select(POLL_S):
                    if not self._flows.is_set():
                        break
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    elif key.fileobj in self._pairs:
                        self._forward(selector, key.fileobj)
                if self._is_cut:
                    self._close(selector, *self._pairs)
            self._close(selector, *self._pairs)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        near, _ = self._listener.accept()
        if self._is_cut:
            near.close()
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        for one, other in ((near, far), (far, near)):
            self._pairs[one] = other
            selector.register(one, selectors.EVENT_READ)

    def _forward(self, selector: selectors.BaseSelector, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK_BYTES)
            if data:
                self._pairs[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(selector, source, self._pairs[source])

    def _close(self, selector: selectors.BaseSelector, *ends: socket.socket) -> None:
        for end in ends:
            if self._pairs.pop(end, None) is not None:
                selector.unregister(end)
                end.close()
