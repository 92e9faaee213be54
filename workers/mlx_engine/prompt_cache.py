"""PromptCache: what was computed of earlier prompts and answers, for whoever begins with the same tokens."""

import logging
from functools import partial
from pathlib import Path
from typing import Any, Literal

import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from workers.mlx_engine.device import Device
from workers.mlx_engine.layer_copy import LayerCopy
from workers.mlx_engine.load import LoadedModel
from workers.mlx_engine.prompt_cache_doubts import Doubts
from workers.mlx_engine.prompt_cache_fetch import Fetch
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates, Pieces, is_plain, restored
from workers.mlx_engine.prompt_cache_spill import DiskSpace, Spill
from workers.mlx_engine.prompt_cache_tree import Hit, Prefix, PrefixTree

log = logging.getLogger(__name__)

_MEMORY_PART = 1 / 8
_MOST_ON_CPU_BYTES = 4_000_000_000


def budget_bytes(setting: int | Literal["auto"], device: Device) -> int:
    """What the prompt cache may hold where the setting leaves it to us: part of the memory that weights and live
    sequences share."""
    if setting != "auto":
        return setting
    part = int(device.memory_bytes * _MEMORY_PART)
    return min(part, _MOST_ON_CPU_BYTES) if device.kind == "cpu" else part


class PromptCache:
    """A budget of 0 holds nothing.

    In models all of whose layers keep every token (`is_exact` False) any prefix of what is held can be used; in others
    only one that ends where a snapshot was taken.
    """

    def __init__(
        self, model: nn.Module, budget_bytes: int, least: int = 0, layer_copy: LayerCopy | None = None
    ) -> None:
        """A prefix of fewer tokens than `least` is neither kept nor found: it takes less to compute it again.

        `layer_copy` as Pieces say.
        """
        self._model = model
        self._pieces = Pieces(layer_copy)
        self._doubts = Doubts()
        self.least = least
        self._spill: Spill | None = None
        caches = make_prompt_cache(model)
        self.is_exact = not all(is_plain(cache) for cache in caches)
        self._tree: PrefixTree[KVPiece, LayerStates] = PrefixTree(
            budget_bytes, self._pieces.split, needs_snapshots=self.is_exact
        )

    @property
    def is_on(self) -> bool:
        return self._tree.budget_bytes > 0

    def spill_to(self, space: DiskSpace, model_dir: Path, loaded: LoadedModel, device: Device) -> None:
        """Keep what is of use on disk too, and look for it there."""
        if not self.is_on or not space.budget_on(device):
            return
        if self.is_exact:
            log.info("no prompt cache on disk for this model: some of its layers can't be cut by tokens")
            return
        self._spill = Spill.open(space, self._tree, model_dir, loaded, device)

    @property
    def nbytes(self) -> int:
        return self._tree.nbytes

    @property
    def budget_bytes(self) -> int:
        return self._tree.budget_bytes

    def find(self, prefix: Prefix) -> int:
        """How many of its tokens need not be computed."""
        return self._find(prefix).length

    def restore(self, prefix: Prefix, capacity: int, room: int = 0) -> tuple[int, list[Any]]:
        """The same number, and a sequence's own caches with so many tokens in them and room for `capacity`, or if there
        is to be a `room` for no more than so many tokens more.

        `capacity` must be more than the prefix's length.
        """
        hit = self._find(prefix)
        if hit.length and self._settle(all_of_them=True):
            hit = self._find(prefix)
        if room:
            capacity = min(capacity, hit.length + room)
        return hit.length, restored(self._model, hit.length, hit.pieces, hit.snapshot, capacity)

    def keep(
        self,
        prefix: Prefix,
        caches: list[Any],
        *,
        writer: str,
        has_snapshot: bool = False,
        is_pinned: bool = False,
    ) -> int:
        """Copy what is missing of a prefix out of a sequence's caches; return how many tokens that was.

        `has_snapshot`: the caches stand exactly at its end, and a later sequence may want to go on from there.
        """
        if not self.is_on or prefix.length < self.least:
            return 0
        states = LayerStates.copied(caches) if self.is_exact and has_snapshot else None
        if has_snapshot and self.is_exact and states is None:
            return 0
        return self._tree.add(
            prefix, partial(self._cut, caches, writer), writer=writer, snapshot=states, is_pinned=is_pinned
        )

    def held(self, prefix: Prefix) -> int:
        """How many of its tokens are in the cache now."""
        return self._tree.matched(prefix)

    def forget(self, writer: str) -> None:
        """Drop what this sequence brought: something went wrong with it."""
        dropped = self._tree.forget(writer)
        if self._spill is not None:
            self._spill.drop(dropped)

    def fetch(self, prefix: Prefix, writer: str) -> Fetch | None:
        """Begin to read from disk what continues this prefix; None where there is no disk to ask."""
        return None if self._spill is None else self._spill.fetch(prefix, writer)

    def want(self, prefix: Prefix, used_again: int) -> None:
        """A sequence went well that ended with this prefix, and had found so many of its tokens: it is worth disk."""
        if self._spill is not None:
            self._spill.want(prefix, used_again)

    def tidy(self, *, is_idle: bool) -> bool:
        """Bring a slice of what is wanted there to the disk's thread; True if there is more to be brought at once.

        To be called in each turn: what proves to be wrong is dropped.
        """
        self._settle(all_of_them=is_idle)
        return self._spill is not None and self._spill.advance(is_idle=is_idle)

    def close(self) -> None:
        """The process ends: the disk gets a few seconds."""
        if self._spill is not None:
            self._spill.close()

    def shrink(self, target_bytes: int) -> None:
        """Give memory back, the least useful first, until no more than this is held."""
        self._tree.shrink(target_bytes)

    def _cut(self, caches: list[Any], writer: str, start: int, stop: int) -> KVPiece | None:
        piece, is_sound = self._pieces.cut(caches, start, stop)
        if self._pieces.is_ordered:
            self._doubts.add(writer, is_sound)
            return piece
        return piece if is_sound.item() else None

    def _settle(self, *, all_of_them: bool) -> bool:
        """Drop what was kept and proves to be wrong; True if anything was."""
        writers = self._doubts.settled(all_of_them=all_of_them)
        for writer in writers:
            self.forget(writer)
        return bool(writers)

    def _find(self, prefix: Prefix) -> Hit[KVPiece, LayerStates]:
        hit = self._tree.find(prefix)
        return hit if hit.length >= self.least else Hit(0)
