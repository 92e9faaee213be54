"""BlockFolder: blocks of the prompt cache as files, in a budget of bytes. Several processes may use one folder.

The file system is the only index: a file's name says what it is, its time of change when it was last used. So nothing
can disagree with what is there, and a process that is killed leaves at most one unfinished file.
"""

import errno
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.mlx_engine.prompt_cache_file import BadBlock, BlockId, read_block, write_block
from workers.mlx_engine.prompt_cache_names import BlockNames, folder_secret

_SUFFIX = ".kv"
_UNFINISHED = ".part"
_ABANDONED_S = 600.0
"""An unfinished file as old as this belongs to nobody."""
_DEPTH_NS = 1_000
"""Of a path used at one moment, each block counts as used so much earlier than the one before it: what is of no use
without another goes before it."""
LEAST_FREE_BYTES = 1_000_000_000
"""Others need the disk too, Redis before all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file; `used_ns` is Unix time in nanoseconds."""

    path: Path
    nbytes: int
    used_ns: int

    @property
    def name(self) -> str:
        return self.path.stem


class BlockFolder:
    """`root` is shared by all models, and so is the budget; each model's blocks lie in a folder of its own."""

    def __init__(
        self,
        root: Path,
        model: str,
        fingerprint: str,
        budget_bytes: int,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        """Make the folder, for nobody else's eyes; OSError where that can't be."""
        self.path = root / model
        self.budget_bytes = budget_bytes
        self._root = root
        self._least_free_bytes = least_free_bytes
        self._fingerprint = fingerprint
        for folder in (root, self.path):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        self.names = BlockNames(folder_secret(root), fingerprint)

    def entries(self) -> list[Entry]:
        """All models' files, the least recently used first."""
        return sorted(self._scan(self._root.glob(f"*/*{_SUFFIX}")), key=lambda entry: entry.used_ns)

    def read(self, name: str, nbytes: int) -> np.ndarray | None:
        """A block's (nbytes,) bytes, or None where there is none to be had; one that is no good is removed."""
        try:
            return read_block(self._file(name), self._id(name, nbytes))
        except FileNotFoundError:
            return None
        except BadBlock as bad:
            log.warning("a file of the prompt cache is no good and goes: %s", bad, extra={"block": name})
        except OSError as error:
            log.warning("a file of the prompt cache can't be read: %s", error, extra={"block": name})
        self.remove([name])
        return None

    def write(self, name: str, payload: np.ndarray, used_ns: int) -> None:
        """Put a block there; OSError where the disk says no. `trim` keeps the budget."""
        if shutil.disk_usage(self.path).free < self._least_free_bytes + payload.nbytes:
            raise OSError(errno.ENOSPC, f"less than {self._least_free_bytes / 1e9:.1f} GB would be left on the disk")
        temporary = self.path / f"{name}.{os.getpid()}.{secrets.token_hex(4)}{_UNFINISHED}"
        try:
            write_block(temporary, self._id(name, payload.nbytes), payload)
            os.utime(temporary, ns=(used_ns, used_ns))
            temporary.replace(self._file(name))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def touch(self, names: Iterable[str], used_ns: int) -> None:
        """The blocks of one path, from its first, are of use at this moment; those that aren't there are passed over.

        Never makes one look older than it did.
        """
        for depth, name in enumerate(names):
            at = used_ns - depth * _DEPTH_NS
            try:
                if self._file(name).stat().st_mtime_ns < at:
                    os.utime(self._file(name), ns=(at, at))
            except OSError:
                continue

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            _unlink(self._file(name))

    def trim(self) -> list[Entry]:
        """Evict the least recently used of all models until the budget is kept; return what is left."""
        entries = self.entries()
        total = sum(entry.nbytes for entry in entries)
        gone = 0
        while total > self.budget_bytes:
            _unlink(entries[gone].path)
            total -= entries[gone].nbytes
            gone += 1
        return entries[gone:]

    def is_own(self, entry: Entry) -> bool:
        """Whether it is a block of this model's."""
        return entry.path.parent == self.path

    def sweep(self) -> None:
        """Remove what killed processes have left unfinished."""
        abandoned = time.time_ns() - int(_ABANDONED_S * 1e9)
        for entry in self._scan(self._root.glob(f"*/*{_UNFINISHED}")):
            if entry.used_ns < abandoned:
                _unlink(entry.path)

    def _scan(self, paths: Iterable[Path]) -> Iterator[Entry]:
        for path in paths:
            try:
                status = path.stat()
            except OSError:
                # Another process was faster.
                continue
            yield Entry(path, status.st_size, status.st_mtime_ns)

    def _file(self, name: str) -> Path:
        return self.path / (name + _SUFFIX)

    def _id(self, name: str, nbytes: int) -> BlockId:
        return BlockId(name, self._fingerprint, nbytes)


def block_time(used_ns: int, depth: int) -> int:
    """The time of use of the block at this depth of a path, as `touch` would set it."""
    return used_ns - depth * _DEPTH_NS


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a file of the prompt cache can't be removed: %s", error, extra={"block": path.name})
