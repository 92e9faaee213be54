"""pensieve.json: where a pulled model came from and what its files were; its presence says the pull was whole."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from models.progress import Progress, size_bytes

FILE = "pensieve.json"
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Manifest:
    source: str
    revision: str
    """A commit or a version: with the source, it names the same bytes for ever."""
    files: dict[str, str] = field(default_factory=dict)
    """sha256 by file name."""

    @staticmethod
    def is_in(folder: Path) -> bool:
        return (folder / FILE).is_file()

    @staticmethod
    def sums_of(folder: Path, progress: Progress) -> dict[str, str]:
        """sha256 of every file but the manifest itself."""
        sums: dict[str, str] = {}
        total, done = size_bytes(folder), 0
        for file in sorted(file for file in folder.iterdir() if file.is_file() and file.name != FILE):
            sums[file.name] = sha256(file)
            done += file.stat().st_size
            progress(done, total, "checking")
        return sums

    def write(self, folder: Path) -> None:
        (folder / FILE).write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))


def sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
