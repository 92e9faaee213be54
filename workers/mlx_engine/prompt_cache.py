"""PromptCache: what was computed of earlier prompts and answers, for whoever begins with the same tokens."""

from typing import Any, Literal

import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from workers.mlx_engine.device import Device
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates, cut, is_plain, restored
from workers.mlx_engine.prompt_cache_tree import Prefix, PrefixTree

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

    def __init__(self, model: nn.Module, budget_bytes: int) -> None:
        self._model = model
        caches = make_prompt_cache(model)
        self.is_exact = not all(is_plain(cache) for cache in caches)
        self._tree: PrefixTree[KVPiece, LayerStates] = PrefixTree(
            budget_bytes, KVPiece.split, needs_snapshots=self.is_exact
        )

    @property
    def is_on(self) -> bool:
        return self._tree.budget_bytes > 0

    @property
    def nbytes(self) -> int:
        return self._tree.nbytes

    def find(self, prefix: Prefix) -> int:
        """How many of its tokens need not be computed."""
        return self._tree.find(prefix).length

    def restore(self, prefix: Prefix, capacity: int) -> tuple[int, list[Any]]:
        """The same number, and a sequence's own caches with so many tokens in them and room for `capacity`.

        `capacity` must be more than the prefix's length.
        """
        hit = self._tree.find(prefix)
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
        if not self.is_on:
            return 0
        states = LayerStates.copied(caches) if self.is_exact and has_snapshot else None
        if has_snapshot and self.is_exact and states is None:
            return 0
        return self._tree.add(
            prefix, lambda start, stop: cut(caches, start, stop), writer=writer, snapshot=states, is_pinned=is_pinned
        )

    def held(self, prefix: Prefix) -> int:
        """How many of its tokens are in the cache now."""
        return self._tree.matched(prefix)

    def forget(self, writer: str) -> None:
        """Drop what this sequence brought: something went wrong with it."""
        self._tree.forget(writer)

    def shrink(self, target_bytes: int) -> None:
        """Give memory back, the least useful first, until no more than this is held."""
        self._tree.shrink(target_bytes)
