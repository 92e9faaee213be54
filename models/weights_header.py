"""What safetensors files say of themselves in their first bytes: which tensors, of what kind, and where they lie."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError, safe_open

from models.errors import ModelRefused
from models.folder import ModelFolder
from models.resolve import weight_files

_LENGTH_BYTES = 8
_PACKED = "U32"
"""Quantised weights, several in a number of 32 bits."""
_KINDS = {"BOOL", "C64", "F8_E4M3", "F8_E8M0", "F16", "BF16", "F32"} | {
    f"{s}{n}" for s in "UI" for n in (8, 16, 32, 64)
}
"""Those that MLX can read."""


def check_weights(folder: Path) -> None:
    """Raise ModelRefused, naming the file, for one that must not be mapped. Reads headers, no weights.

    The library sees to the header's length and form, and that the tensors, each as large as its shape and type make
    it, lie one behind the other from the header's end to the file's.
    """
    for file in weight_files(folder):
        if not file.is_file():
            raise ModelRefused(f"{file} is no file")
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelRefused(f"{file} is torn, or no safetensors file ({error}); pull the model again") from error
        other = sorted({str(tensor["dtype"]) for tensor in _read(file).values()} - _KINDS)
        if other:
            raise ModelRefused(f"{file} holds {other[0]} tensors, which MLX can't read; look for an MLX conversion")


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
        yield from _read(file).items()


def _read(file: Path) -> dict[str, Any]:
    """The tensors that the header of a checked file tells of."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        header: dict[str, Any] = orjson.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header
