"""A GGUF's header, walked before anything believes its counts and lengths: each must fit what the file really holds."""

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.errors import ModelRefused

LARGEST_HEADER_BYTES = 64_000_000
MOST_FIELDS, MOST_TENSORS = 4_096, 65_536
LONGEST_NAME_BYTES = 65_535
MOST_DIMENSIONS = 4
LARGEST_ALIGNMENT = 1 << 20
"""All far more than any model has: they bound what reading takes, in memory and in time."""

_MAGIC, _VERSIONS = b"GGUF", {2, 3}
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_ALIGNMENT = b"general.alignment"


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    begins: int
    """From the start of the data."""
    size_bytes: int


def check_header(file: Path) -> None:
    """Raise ModelRefused where a count, length, shape or place can't be true of a file of this size."""
    with file.open("rb") as stream:
        header = _Header(stream, os.fstat(stream.fileno()).st_size)
        if header.take(4) != _MAGIC or header.number("<I") not in _VERSIONS:
            raise header.refused("it isn't GGUF, or of another version")
        tensors, fields = header.number("<Q"), header.number("<Q")
        if fields > MOST_FIELDS or tensors > MOST_TENSORS:
            raise header.refused(f"{fields} fields and {tensors} tensors are too many")
        alignment = 32
        for _ in range(fields):
            alignment = header.field() or alignment
        found = [header.tensor() for _ in range(tensors)]
        header.check_places(found, alignment)


class _Header:
    def __init__(self, stream: BinaryIO, file_bytes: int) -> None:
        self._stream = stream
        self._file_bytes = file_bytes
        self._left = min(file_bytes, LARGEST_HEADER_BYTES)

    def refused(self, why: str) -> ModelRefused:
        return ModelRefused(f"{self._stream.name} is no readable GGUF file: {why}")

    def take(self, length: int) -> bytes:
        self._use(length)
        return self._stream.read(length)

    def number(self, form: str) -> int:
        (number,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(number)

    def field(self) -> int | None:
        """Pass over a key and its value; the alignment, where it is that."""
        key, kind = self._name(), self.number("<I")
        if key == _ALIGNMENT:
            alignment = self.number("<I") if kind == _UINT32 else 0
            if alignment.bit_count() != 1 or alignment > LARGEST_ALIGNMENT:
                raise self.refused("its alignment is no power of two")
            return alignment
        if kind == _ARRAY:
            self._skip_values(self.number("<I"), self.number("<Q"))
        else:
            self._skip_values(kind, 1)
        return None

    def tensor(self) -> _Tensor:
        name, dimensions = self._name(), self.number("<I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise self.refused(f"a tensor has {dimensions} dimensions")
        shape = [self.number("<Q") for _ in range(dimensions)]
        kind, begins = self.number("<I"), self.number("<Q")
        return _Tensor(name.decode(errors="replace"), begins, self._size(kind, shape))

    def check_places(self, tensors: list[_Tensor], alignment: int) -> None:
        """Each lies in the file, and none on another."""
        end = -(-self._stream.tell() // alignment) * alignment
        start = end
        for tensor in sorted(tensors, key=lambda tensor: tensor.begins):
            if start + tensor.begins < end:
                raise self.refused(f"tensor {tensor.name!r} lies on another one")
            if tensor.begins % alignment:
                raise self.refused(f"tensor {tensor.name!r} is not aligned")
            end = start + tensor.begins + tensor.size_bytes
            if end > self._file_bytes:
                raise self.refused(f"tensor {tensor.name!r} ends behind the file's end")

    def _size(self, kind: int, shape: list[int]) -> int:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType  # noqa: PLC0415 - as slow as a conversion

        if kind not in set(GGMLQuantizationType):
            raise self.refused(f"a tensor is of the unknown kind {kind}")
        numbers, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        if 0 in shape or shape[0] % numbers:
            raise self.refused(f"a tensor's shape is {shape}")
        return math.prod(shape) // int(numbers) * int(block_bytes)

    def _name(self) -> bytes:
        length = self.number("<Q")
        if length > LONGEST_NAME_BYTES:
            raise self.refused(f"a name is {length} bytes long")
        return self.take(length)

    def _skip_values(self, kind: int, count: int) -> None:
        if kind == _STRING:
            for _ in range(count):
                self._skip(self.number("<Q"))
        elif kind in _SCALAR_BYTES:
            self._skip(count * _SCALAR_BYTES[kind])
        else:
            raise self.refused(f"a value is of the kind {kind}")

    def _skip(self, length: int) -> None:
        self._use(length)
        self._stream.seek(length, os.SEEK_CUR)

    def _use(self, length: int) -> None:
        if length > self._left:
            raise self.refused("it is torn: a length leads behind its end")
        self._left -= length
