"""Spill: the prompt cache's way to the disk and back, as the engine's thread sees it."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.mlx_engine.device import Device
from workers.mlx_engine.load import LoadedModel
from workers.mlx_engine.prompt_cache_blocks import BlockForm
from workers.mlx_engine.prompt_cache_disk import DiskTier
from workers.mlx_engine.prompt_cache_fetch import Fetch
from workers.mlx_engine.prompt_cache_fingerprint import fingerprint
from workers.mlx_engine.prompt_cache_folder import BlockFolder
from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS
from workers.mlx_engine.prompt_cache_outbox import Outbox
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates
from workers.mlx_engine.prompt_cache_tree import Dropped, Prefix, PrefixTree

_FAREWELL_S = 3.0
"""At the end of the process, what is not on the disk yet has so long."""
_POLL_S = 0.01
_AUTO_BYTES = 4_000_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """A folder for the blocks of all models, and what they may take together."""

    folder: Path
    budget_bytes: int | Literal["auto"]

    def budget_on(self, device: Device) -> int:
        """On CUDA, computing a prefix again takes hardly longer than reading it, with small models less long."""
        if self.budget_bytes != "auto":
            return self.budget_bytes
        return 0 if device.kind == "cuda" else _AUTO_BYTES


class Spill:
    """Over the tree of one model all of whose layers keep every token."""

    def __init__(self, tree: PrefixTree[KVPiece, LayerStates], disk: DiskTier, form: BlockForm) -> None:
        self._tree = tree
        self._disk = disk
        self._form = form
        self._outbox = Outbox(tree, disk, form)

    @classmethod
    def open(
        cls,
        space: DiskSpace,
        tree: PrefixTree[KVPiece, LayerStates],
        model_dir: Path,
        loaded: LoadedModel,
        device: Device,
    ) -> "Spill | None":
        """None where the folder can't be used; the log says why."""
        form = BlockForm.of(loaded.model)
        identity = fingerprint(model_dir, loaded.compute_type, device.kind, str(form))
        try:
            folder = BlockFolder(space.folder, model_dir.name, identity, space.budget_on(device))
            return cls(tree, DiskTier(folder, form.nbytes), form)
        except OSError as error:
            log.warning("no prompt cache on disk: %s", error)
            return None

    def fetch(self, prefix: Prefix, writer: str) -> Fetch:
        """Begin to read what continues this prefix beyond what the tree has."""
        return Fetch(self._tree, self._disk, self._form, prefix, writer)

    def want(self, prefix: Prefix, used_again: int) -> None:
        """As Outbox."""
        self._outbox.want(prefix, used_again)

    def drop(self, dropped: list[Dropped]) -> None:
        """The tree has taken these back; so does the disk."""
        names = [name for one in dropped for name in self._disk.names(one.prefix)[one.start // BLOCK_TOKENS :]]
        if names:
            self._outbox.drop(names)
            self._disk.remove(names)

    def advance(self, *, is_idle: bool) -> bool:
        """As Outbox."""
        return self._outbox.advance(is_idle=is_idle)

    def close(self) -> None:
        """Write what is wanted and not written yet, for a few seconds at most."""
        until = time.monotonic() + _FAREWELL_S
        while time.monotonic() < until and self._disk.is_writing:
            if not self.advance(is_idle=True):
                if self._disk.has_room:
                    break
                time.sleep(_POLL_S)
        self._disk.close(max(0.0, until - time.monotonic()))
