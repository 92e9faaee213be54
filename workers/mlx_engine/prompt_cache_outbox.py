"""Outbox: what of the prompt cache is to be on disk, copied out in small slices where the engine's thread has time.

What was of use a second time goes between decode steps, for a fiftieth of the time. Everything else waits until nothing
runs: most prompts of a busy server never come back, and aren't worth wearing a disk out for.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from workers.mlx_engine.prompt_cache_blocks import BlockCopy, BlockForm
from workers.mlx_engine.prompt_cache_disk import DiskTier
from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates
from workers.mlx_engine.prompt_cache_tree import Part, Prefix, PrefixTree

_MOST_WAITING = 256
"""Prefixes of either kind; beyond that the oldest are forgotten."""
BUSY_SHARE = 0.02
"""Of the time while others decode."""
BUSY_BYTES = 2_000_000
"""Copied at a time beside decoding, at most."""
IDLE_BYTES = 8_000_000
"""Copied at a time while nothing runs: a request that comes waits no longer than this takes, 15 ms on CUDA."""
_LONGEST_STEP_S = 1.0
"""Time in which nobody decoded isn't earned."""


@dataclass(slots=True)
class _Wanted:
    """A prefix whose whole blocks are to be on disk."""

    prefix: Prefix
    names: list[str]
    used_ns: int
    at: int = 0
    """The number of the block that is next."""


@dataclass(frozen=True, slots=True)
class _Leaving:
    """A block that is being copied."""

    name: str
    used_ns: int
    depth: int
    copy: BlockCopy


class Outbox:
    """For the engine's thread, which calls `advance` after each step. `clock` is any seconds that never go back."""

    def __init__(
        self,
        tree: PrefixTree[KVPiece, LayerStates],
        disk: DiskTier,
        form: BlockForm,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tree = tree
        self._disk = disk
        self._form = form
        self._urgent: deque[_Wanted] = deque(maxlen=_MOST_WAITING)
        self._others: deque[_Wanted] = deque(maxlen=_MOST_WAITING)
        self._leaving: _Leaving | None = None
        self._clock = clock
        self._stepped_at = clock()
        self._earned_s = 0.0
        """Time that copying beside decoding may take."""
        self.copied_bytes = 0
        """Since the start."""

    def want(self, prefix: Prefix, used_again: int) -> None:
        """A sequence that went well ended with this prefix, whose first `used_again` tokens it had found."""
        names = self._disk.names(prefix)
        if not names:
            return
        self._disk.touch(names)
        used_ns = time.time_ns()
        found = names[: used_again // BLOCK_TOKENS]
        if not all(map(self._disk.has, found)):
            self._urgent.append(_Wanted(prefix, found, used_ns))
        self._others.append(_Wanted(prefix, names, used_ns))

    def drop(self, names: Collection[str]) -> None:
        """These blocks are not to be trusted."""
        if self._leaving is not None and self._leaving.name in names:
            self._leaving = None

    def advance(self, *, is_idle: bool) -> bool:
        """Copy a slice; True if there is more that could be copied at once."""
        if is_idle:
            return self._copy(IDLE_BYTES, is_idle=True)
        began_at = self._clock()
        self._earned_s += BUSY_SHARE * min(began_at - self._stepped_at, _LONGEST_STEP_S)
        self._stepped_at = began_at
        if self._earned_s < 0:
            return True
        is_more = self._copy(BUSY_BYTES, is_idle=False)
        # What a slice took too long is made up for by steps without one; what it left is not saved up.
        self._earned_s = min(0.0, self._earned_s - (self._clock() - began_at))
        return is_more

    def _copy(self, most_bytes: int, *, is_idle: bool) -> bool:
        left = most_bytes
        while left > 0:
            if not self._disk.has_room:
                return False
            if self._leaving is None:
                self._leaving = self._next(self._urgent) or (self._next(self._others) if is_idle else None)
            leaving = self._leaving
            if leaving is None:
                return False
            copied = leaving.copy.advance(left)
            left -= copied
            self.copied_bytes += copied
            if leaving.copy.is_done:
                self._disk.write(leaving.name, leaving.copy.payload, leaving.used_ns, leaving.depth)
                self._leaving = None
        return True

    def _next(self, waiting: deque[_Wanted]) -> _Leaving | None:
        while waiting:
            wanted = waiting[0]
            while wanted.at < len(wanted.names) and self._disk.has(wanted.names[wanted.at]):
                wanted.at += 1
            parts = self._parts(wanted) if wanted.at < len(wanted.names) else None
            if parts is not None:
                return _Leaving(wanted.names[wanted.at], wanted.used_ns, wanted.at, BlockCopy(self._form, parts))
            # All is there; or this block is evicted, without which those behind it are of no use.
            waiting.popleft()
        return None

    def _parts(self, wanted: _Wanted) -> list[Part[KVPiece]] | None:
        start, stop = wanted.at * BLOCK_TOKENS, (wanted.at + 1) * BLOCK_TOKENS
        return self._tree.parts(Prefix(wanted.prefix.salt, wanted.prefix.key, stop), start)
