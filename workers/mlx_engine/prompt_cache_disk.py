"""DiskTier: the threads that write and read the prompt cache's blocks. They know nothing of MLX, and nobody waits for
them: what can't be taken now is refused, what can't be read is not there."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

import numpy as np

from workers.mlx_engine.prompt_cache_folder import BlockFolder, Entry, block_time
from workers.mlx_engine.prompt_cache_tree import Prefix

_QUEUED_BYTES = 64_000_000
"""What may wait for the disk; one block is always taken."""
_CANT = (OSError, MemoryError)

log = logging.getLogger(__name__)


class DiskTier:
    """`block_bytes` is the size of every block. Its methods belong to one thread, the engine's, and never block."""

    def __init__(self, folder: BlockFolder, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self._folder = folder
        self._is_writing = block_bytes <= folder.budget_bytes
        self._waiting: list[str] = []
        """Handed over, and not on the disk yet: lengthened by the engine's thread alone, shortened by the writer's."""
        folder.sweep()
        entries = folder.trim()
        self._known = self._own(entries)
        log.info("prompt cache on disk: %.2f GB in %d entries, %d of them this model's, at most %.2f GB, in %s",
                 sum(entry.nbytes for entry in entries) / 1e9, len(entries), len(self._known),
                 folder.budget_bytes / 1e9, folder.path)  # fmt: skip
        self._writes: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._reads: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=_work, args=(self._writes,), name="prompt-cache-writer", daemon=True),
            threading.Thread(target=_work, args=(self._reads,), name="prompt-cache-reader", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def names(self, prefix: Prefix) -> list[str]:
        """Of all whole blocks in it."""
        return self._folder.names.of(prefix)

    def has(self, name: str) -> bool:
        """Whether it is written, or about to be, as far as this process knows."""
        return name in self._known or name in self._waiting

    @property
    def has_room(self) -> bool:
        """Whether a block would be taken now."""
        return self._is_writing and len(self._waiting) < max(1, _QUEUED_BYTES // self.block_bytes)

    @property
    def is_writing(self) -> bool:
        """False from the first time that the disk said no."""
        return self._is_writing

    def write(self, name: str, payload: np.ndarray, used_ns: int, depth: int) -> bool:
        """Hand over the block at this depth of a path, (block_bytes,) of uint8, which nobody may change afterwards.

        False where it isn't taken.
        """
        if not self.has_room:
            return False
        self._waiting.append(name)
        self._writes.put(lambda: self._write(name, payload, block_time(used_ns, depth)))
        return True

    def touch(self, names: Sequence[str]) -> None:
        """The blocks of one path, from its first, have just been of use."""
        used_ns = time.time_ns()
        self._writes.put(lambda: self._folder.touch(names, used_ns))

    def remove(self, names: Sequence[str]) -> None:
        """Drop these blocks, and those of them that still wait to be written."""
        self._known = self._known.difference(names)
        # Behind what was handed over before, so that nothing comes after its own removal.
        self._writes.put(lambda: self._folder.remove(names))

    def read(self, name: str) -> "Future[np.ndarray | None]":
        """A block's bytes, which are nobody else's; None where it isn't there or is no good."""
        future: Future[np.ndarray | None] = Future()
        self._reads.put(lambda: future.set_result(self._read(name)))
        return future

    def close(self, timeout_s: float) -> None:
        """Write what waits, as long as that takes no longer than this; then the process may end."""
        until = time.monotonic() + timeout_s
        self._writes.put(None)
        self._reads.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _write(self, name: str, payload: np.ndarray, used_ns: int) -> None:
        try:
            if self._is_writing:
                self._folder.write(name, payload, used_ns)
                # What other processes wrote and evicted is seen here too.
                self._known = self._own(self._folder.trim())
        except _CANT as error:
            self._is_writing = False
            log.warning("the prompt cache writes no more to disk until the next start: %s", error)
        finally:
            self._waiting.remove(name)

    def _read(self, name: str) -> np.ndarray | None:
        try:
            return self._folder.read(name, self.block_bytes)
        except MemoryError:
            return None

    def _own(self, entries: Sequence[Entry]) -> frozenset[str]:
        return frozenset(entry.name for entry in entries if self._folder.is_own(entry))


def _work(queue: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (task := queue.get()) is not None:
        task()
