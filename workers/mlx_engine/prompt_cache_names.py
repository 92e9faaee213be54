"""What blocks of a prompt are called on disk: a chain of keyed hashes, so that a prefix is found by its names alone."""

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workers.mlx_engine.prompt_cache_file import FORMAT
from workers.mlx_engine.prompt_cache_nodes import TOKEN_BYTES
from workers.mlx_engine.prompt_cache_tree import Prefix

BLOCK_TOKENS = 256
"""Blocks begin at multiples of this, whoever wrote them: so two sequences that begin alike name the same ones."""
_KEY_FILE = "key"
_KEY_BYTES = 32
_NAME_BYTES = 20


@dataclass(frozen=True, slots=True)
class BlockNames:
    """A block's name depends on the model, the tenant and all tokens from the first one to its own last one.

    Keyed with a secret of the folder's, since a tenant's salt, or a short prompt, could else be guessed and tried.
    """

    secret: bytes
    fingerprint: str

    def of(self, prefix: Prefix) -> list[str]:
        """One for each whole block in it, in order."""
        link = self._link(self._link(b"", f"{FORMAT} {self.fingerprint}".encode()), prefix.salt.encode())
        names = []
        size = BLOCK_TOKENS * TOKEN_BYTES
        for start in range(0, prefix.length * TOKEN_BYTES - size + 1, size):
            link = self._link(link, prefix.key[start : start + size])
            names.append(link.hex())
        return names

    def _link(self, before: bytes, content: bytes) -> bytes:
        return hashlib.blake2b(before + content, digest_size=_NAME_BYTES, key=self.secret).digest()


def folder_secret(folder: Path) -> bytes:
    """The folder's own, made by whichever process comes first; OSError where it can be neither read nor written.

    Without it what lies in the folder can't be found any more, and is evicted as time goes by.
    """
    path = folder / _KEY_FILE
    with suppress(FileNotFoundError, ValueError):
        return _read(path)
    temporary = folder / f"{_KEY_FILE}.{secrets.token_hex(8)}"
    temporary.write_bytes(b"")
    try:
        temporary.chmod(0o600)
        temporary.write_bytes(secrets.token_bytes(_KEY_BYTES))
        _publish(temporary, path)
    finally:
        temporary.unlink()
    return _read(path)


def _publish(temporary: Path, path: Path) -> None:
    """Under its final name, whole or not at all; of two processes that both come first, one wins."""
    with suppress(FileNotFoundError):
        if path.stat().st_size != _KEY_BYTES:
            path.unlink()
    with suppress(FileExistsError):
        os.link(temporary, path)


def _read(path: Path) -> bytes:
    """ValueError for one that was cut short."""
    secret = path.read_bytes()
    if len(secret) != _KEY_BYTES:
        raise ValueError(f"{path} is damaged")
    return secret
