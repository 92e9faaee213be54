"""The built-in page's files, compressed and named by their content once, then served from memory."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FOLDER = Path(__file__).with_name("web")
PAGE = "index.html"
_VERSION = b"{{version}}"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    body: bytes
    compressed: bytes
    """The same, gzipped."""
    mimetype: str
    etag: str


@dataclass(frozen=True, slots=True)
class WebFiles:
    """`version` changes with any of them, so what lies under it never does."""

    version: str
    files: Mapping[str, WebFile]
    """By path within the folder."""

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Self:
        """Every file of a kind that browsers are to have; the page names the others by version."""
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }
        digest = hashlib.sha256(b"\0".join(name.encode() + b"\0" + body for name, body in found.items()))
        version = digest.hexdigest()[:12]
        found[PAGE] = found[PAGE].replace(_VERSION, version.encode())
        return cls(version, {name: _file(name, body) for name, body in found.items()})


def _file(name: str, body: bytes) -> WebFile:
    etag = hashlib.sha256(body).hexdigest()[:16]
    return WebFile(body, gzip.compress(body, mtime=0), _TYPES[Path(name).suffix], etag)
