"""A model's fingerprint: what must be the same for keys and values computed earlier to be of use."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

_SAMPLE_BYTES = 1024
_MOST_HEADER_BYTES = 100_000_000


def fingerprint(folder: Path, *form: str) -> str:
    """Of the weights in this folder, its config.json, the versions of what computes with them, and `form`: how.

    Of each weight only the first bytes are looked at: all of a large model take seconds to read, and no training and
    no conversion leaves these as they were. Also the files' sizes and times.
    """
    digest = hashlib.blake2b(digest_size=16)
    for text in (*form, f"mlx {version('mlx')}", f"mlx-lm {version('mlx-lm')}"):
        digest.update(f"{text}\n".encode())
    digest.update((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        _sample(path, digest)
    return digest.hexdigest()


def _sample(path: Path, digest: "hashlib.blake2b") -> None:
    """The header, and the beginning of each tensor."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(min(size, _MOST_HEADER_BYTES))
        digest.update(header)
        for about in json.loads(header).values():
            if "data_offsets" in about:
                file.seek(8 + size + about["data_offsets"][0])
                digest.update(file.read(_SAMPLE_BYTES))
