"""A GGUF's counts, lengths, shapes and places are checked before its reader believes them."""

import struct
from pathlib import Path

import pytest

from models.errors import ModelRefused
from models.gguf_header import LARGEST_HEADER_BYTES, check_header
from tests.unit.models.small_gguf import write_gguf

UINT8, UINT32, STRING, ARRAY = 0, 4, 8, 9
F32, Q8_0 = 0, 8


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


def field(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: bytes = b"t", shape: tuple[int, ...] = (8,), kind: int = F32, begins: int = 0) -> bytes:
    dimensions = struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", size) for size in shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, begins)


def write(
    file: Path,
    *parts: bytes,
    fields: int = 0,
    tensors: int = 0,
    magic: bytes = b"GGUF",
    version: int = 3,
    data_bytes: int = 32,
) -> Path:
    """The counts are what the file says; the data begins at the next multiple of 32 bytes."""
    header = magic + struct.pack("<IQQ", version, tensors, fields) + b"".join(parts)
    file.write_bytes(header + bytes(-len(header) % 32) + bytes(data_bytes))
    return file


def test_what_the_library_writes_passes(tmp_path: Path) -> None:
    check_header(write_gguf(tmp_path / "small.gguf"))


def test_tensors_that_lie_side_by_side_pass(tmp_path: Path) -> None:
    parts = (field(b"k", UINT32, bytes(4)), tensor(b"b", begins=32), tensor(b"a"))

    check_header(write(tmp_path / "x.gguf", *parts, fields=1, tensors=2, data_bytes=64))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"magic": b"GGML"}, "isn't GGUF"),
        ({"version": 1}, "isn't GGUF"),
        ({"version": 0x0300_0000}, "isn't GGUF"),
        ({"fields": 2**62}, "too many"),
        ({"tensors": 2**62}, "too many"),
        ({"fields": 4_096}, "torn"),
        ({"tensors": 65_536}, "dimensions"),
    ],
)
def test_counts_are_bounded(tmp_path: Path, case: dict[str, int], message: str) -> None:
    with pytest.raises(ModelRefused, match=message):
        check_header(write(tmp_path / "x.gguf", **case))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (text(b"", length=2**63), "a name is"),
        (text(b"k", length=60_000), "torn"),
        (field(b"k", STRING, text(b"", length=2**40)), "torn"),
        (field(b"k", ARRAY, struct.pack("<IQ", UINT8, 2**60)), "torn"),
        (field(b"k", ARRAY, struct.pack("<IQ", STRING, 2**60)), "torn"),
        (field(b"k", ARRAY, struct.pack("<IQ", ARRAY, 1)), "of the kind 9"),
        (field(b"k", 13, b""), "of the kind 13"),
        (field(b"general.alignment", UINT32, struct.pack("<I", 0)), "alignment"),
        (field(b"general.alignment", UINT32, struct.pack("<I", 24)), "alignment"),
        (field(b"general.alignment", UINT32, struct.pack("<I", 1 << 31)), "alignment"),
        (field(b"general.alignment", STRING, text(b"32")), "alignment"),
    ],
)
def test_a_field_that_cannot_be_true_is_refused(tmp_path: Path, part: bytes, message: str) -> None:
    with pytest.raises(ModelRefused, match=message):
        check_header(write(tmp_path / "x.gguf", part, fields=1))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([tensor(shape=())], "0 dimensions"),
        ([tensor(shape=(1,) * 5)], "5 dimensions"),
        ([tensor(shape=(0,))], "shape is"),
        ([tensor(shape=(31,), kind=Q8_0)], "shape is"),
        ([tensor(kind=99)], "unknown kind 99"),
        ([tensor(shape=(9,))], "behind the file's end"),
        ([tensor(shape=(2**32, 2**32, 2**32))], "behind the file's end"),
        ([tensor(begins=2**63)], "behind the file's end"),
        ([tensor(begins=7)], "not aligned"),
        ([tensor(b"a"), tensor(b"b")], "lies on another"),
    ],
)
def test_a_tensor_that_cannot_be_there_is_refused(tmp_path: Path, parts: list[bytes], message: str) -> None:
    with pytest.raises(ModelRefused, match=message):
        check_header(write(tmp_path / "x.gguf", *parts, tensors=len(parts)))


def test_a_header_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    file = write(tmp_path / "x.gguf", field(b"k", STRING, text(b"", length=LARGEST_HEADER_BYTES)), fields=1)
    with file.open("r+b") as stream:
        # Sparse: as long as it says, and nothing on the disk.
        stream.truncate(2 * LARGEST_HEADER_BYTES)

    with pytest.raises(ModelRefused, match="torn"):
        check_header(file)
