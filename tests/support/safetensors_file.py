"""Safetensors files as a test wants them: whole, or wrong in one way."""

import json
import struct
from pathlib import Path
from typing import Any

Tensors = dict[str, Any]


def tensor(kind: str = "F32", shape: list[int] | None = None, begins: int = 0, ends: int = 8) -> dict[str, Any]:
    """What a header says of one; as it stands, two float32 numbers."""
    return {"dtype": kind, "shape": [2] if shape is None else shape, "data_offsets": [begins, ends]}


def write_safetensors(file: Path, header: Tensors | bytes, data: bytes = bytes(8), length: int | None = None) -> Path:
    """`length` is what the file says of its header's length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return file
