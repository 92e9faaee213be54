"""One block of the prompt cache as a file: a safetensors file that says what it is and carries its own checksum.

safetensors, since a reader of its own would have to distrust every length in a header too; it never unpickles, writes
straight from our memory, and lets other threads run meanwhile.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

FORMAT = 1
"""Part of the names, too: files of another format aren't even looked at, until they are evicted."""
_SLACK_BYTES = 4096
"""A file may be so much larger than what it holds: header, and what it says of itself."""
_FRESH = os.O_CREAT | os.O_EXCL | os.O_WRONLY


@dataclass(frozen=True, slots=True)
class BlockId:
    """What a file must say that it is, and how many bytes of keys and values it must hold."""

    name: str
    fingerprint: str
    """Of the model, its weights and the form that its keys and values have."""
    nbytes: int


class BadBlock(Exception):
    """A file that isn't what it should be: cut short, damaged, of another format or another model."""


def write_block(path: Path, block: BlockId, payload: np.ndarray) -> None:
    """`payload` (nbytes,) of uint8. The file appears whole or not at all; OSError where the disk says no.

    It isn't forced to the disk: after a power failure the checksum finds what never got there, and that is a miss.
    """
    about = orjson.dumps(
        {"format": FORMAT, "name": block.name, "fingerprint": block.fingerprint, "crc32": zlib.crc32(payload.data)}
    )
    try:
        # Made first, since safetensors would make it readable for everybody.
        os.close(os.open(path, _FRESH, 0o600))
        save_file({"about": np.frombuffer(about, np.uint8), "kv": payload}, path)
    except SafetensorError as error:
        # That is how it reports what the operating system said.
        raise OSError(str(error)) from error


def read_block(path: Path, block: BlockId) -> np.ndarray:
    """The payload; OSError where it can't be read, BadBlock where it isn't this block.

    Read and not mapped: a mapped file that somebody cuts short ends the process.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if not block.nbytes <= size <= block.nbytes + _SLACK_BYTES:
            raise BadBlock(f"{size} bytes, where {block.nbytes} are to be in it")
        content = file.read(size)
    try:
        arrays = load(content)
        about = orjson.loads(arrays["about"].tobytes())
        payload = arrays["kv"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadBlock(str(error)) from error
    if payload.dtype != np.uint8 or payload.shape != (block.nbytes,):
        raise BadBlock(f"an array {payload.shape} of {payload.dtype}")
    expected = {
        "format": FORMAT,
        "name": block.name,
        "fingerprint": block.fingerprint,
        "crc32": zlib.crc32(payload.data),
    }
    if about != expected:
        raise BadBlock(f"it says of itself {about}")
    return payload
