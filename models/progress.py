"""Progress of a download: told by looking at what has arrived, whatever it is that downloads."""

import os
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int | None, str], None]
"""(bytes done, bytes in all or None if unknown, what is being done)."""

LOOK_EVERY_S = 0.2


def silent(_done_bytes: int, _total_bytes: int | None, _what: str) -> None:
    """Tell nobody."""


def size_bytes(folder: Path) -> int:
    """Of all files in it, however deep; what vanishes while we look, files or folders, counts nothing."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(inside, name)).st_size  # noqa: PTH118 - a path for each file costs more
            except FileNotFoundError:
                continue
    return total
