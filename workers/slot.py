"""SlotLock: one process per device, kept by the operating system, so that no crash leaves it locked."""

import fcntl
import os
from pathlib import Path
from typing import Self


class SlotLock:
    """Holds `<home>/<slot>.lock` until the process ends."""

    def __init__(self, home: Path, slot: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._file = (home / f"{slot}.lock").open("a+")

    def acquire(self) -> Self:
        """Wait for the lock."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self
