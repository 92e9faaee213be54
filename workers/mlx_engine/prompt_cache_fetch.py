"""Fetch: the blocks that continue a prefix, on their way from the disk into the tree, in slices and never waited for
long."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

import numpy as np

from workers.mlx_engine.prompt_cache_blocks import BlockForm
from workers.mlx_engine.prompt_cache_disk import DiskTier
from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates
from workers.mlx_engine.prompt_cache_tree import Prefix, PrefixTree

SLICE_BYTES = 32_000_000
"""Taken in at a time: more would hold up those who decode."""
WAIT_S = 0.005
"""The longest wait for the disk at a time. Without any, a loop that has nothing else to do would spin."""
_MOST_WAITS = 400
"""So many for one block, and the disk is taken for stuck: computing won't be slower."""
_AHEAD = 2
"""Blocks asked for and not yet taken in: the disk reads while the engine copies."""


class Fetch:
    """Belongs to the engine's thread. What it brings counts as `writer`'s, which takes it back if it fails."""

    def __init__(
        self,
        tree: PrefixTree[KVPiece, LayerStates],
        disk: DiskTier,
        form: BlockForm,
        prefix: Prefix,
        writer: str,
    ) -> None:
        self._tree = tree
        self._disk = disk
        self._form = form
        self._prefix = prefix
        self._writer = writer
        self._at = tree.matched(prefix) // BLOCK_TOKENS
        """The number of the block to be taken in next."""
        self._names = disk.names(prefix)
        self._coming: list[Future[np.ndarray | None]] = []
        self._waits = 0

    def advance(self) -> bool:
        """Take in what has come, a slice of it; True once nothing more is to come."""
        left = SLICE_BYTES
        while left > 0:
            ahead = self._names[self._at + len(self._coming) : self._at + _AHEAD]
            self._coming += [self._disk.read(name) for name in ahead]
            if not self._coming:
                return True
            try:
                payload = self._coming[0].result(WAIT_S)
            except NotYet:
                self._waits += 1
                return self._waits > _MOST_WAITS
            if payload is None or not self._take_in(payload):
                return True
            self._coming.pop(0)
            self._waits = 0
            self._at += 1
            left -= payload.nbytes
        return False

    def _take_in(self, payload: np.ndarray) -> bool:
        """False where the tree has no room, or has lost what comes before."""
        start = self._at * BLOCK_TOKENS
        upto = Prefix(self._prefix.salt, self._prefix.key, start + BLOCK_TOKENS)
        if self._tree.matched(upto) < start:
            return False
        self._tree.add(
            upto, lambda first, last: self._form.piece(payload, first - start, last - start), writer=self._writer
        )
        return self._tree.matched(upto) == upto.length
