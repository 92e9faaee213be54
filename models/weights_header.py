"""What safetensors files say of themselves in their first bytes: which tensors, and where they should end."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from models.errors import ModelRefused
from models.folder import ModelFolder
from models.resolve import weight_files

_LENGTH_BYTES = 8
_LONGEST_HEADER_BYTES = 100_000_000
_PACKED = "U32"
"""Quantised weights, several in a number of 32 bits."""


def check_whole(folder: Path) -> None:
    """Raise ModelRefused, naming the file, where one is shorter or longer than its header says. Reads no weights."""
    for file in weight_files(folder):
        header_bytes, tensors = _read(file)
        ends = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        expected, found = _LENGTH_BYTES + header_bytes + ends, file.stat().st_size
        if found != expected:
            raise ModelRefused(f"{file} is torn: it has {found:,} of {expected:,} bytes; pull the model again")


def unpacked_numbers(folder: Path) -> int:
    """How many weights there are, quantised ones counted one by one, their scales left out."""
    config = ModelFolder(folder).config()
    table = config.get("quantization") or config.get("quantization_config") or {}
    return sum(
        round(math.prod(tensor["shape"]) * (32 / _bits(table, name) if tensor["dtype"] == _PACKED else 1))
        for name, tensor in _tensors(folder)
        if not name.endswith((".scales", ".biases"))
    )


def _bits(table: Mapping[str, Any], name: str) -> int:
    """A layer may have bits of its own."""
    own = table.get(name.removesuffix(".weight"))
    return int((own if isinstance(own, dict) else table).get("bits", 32))


def _tensors(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in weight_files(folder):
        yield from _read(file)[1].items()


def _read(file: Path) -> tuple[int, dict[str, Any]]:
    """How long the header is, and the tensors that it tells of."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        text = stream.read(min(length, _LONGEST_HEADER_BYTES))
    try:
        header: dict[str, Any] = orjson.loads(text)
        header.pop("__metadata__", None)
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise ModelRefused(f"{file} is no safetensors file, or torn; pull the model again") from error
    return length, header
