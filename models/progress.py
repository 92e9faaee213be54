"""Progress of a download: told by looking at what has arrived, whatever it is that downloads."""

from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int | None, str], None]
"""(bytes done, bytes in all or None if unknown, what is being done)."""

LOOK_EVERY_S = 0.2


def silent(_done_bytes: int, _total_bytes: int | None, _what: str) -> None:
    """Tell nobody."""


def size_bytes(folder: Path) -> int:
    """Of all files in it, however deep; files that vanish while we look count nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total
