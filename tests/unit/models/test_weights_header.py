"""Safetensors files are looked at before anything maps them."""

import json
import os
from pathlib import Path

import pytest

from models.errors import ModelRefused
from models.weights_header import check_weights
from tests.support.safetensors_file import Tensors, tensor, write_safetensors


def refusal(folder: Path) -> str:
    with pytest.raises(ModelRefused) as refused:
        check_weights(folder)
    return str(refused.value)


def test_what_is_whole_passes_whatever_kinds_mlx_reads(tmp_path: Path) -> None:
    header = {
        "__metadata__": {"format": "mlx"},
        "a": tensor(),
        "b": tensor("U8", [8], 8, 16),
        "c": tensor("F16", [0], 16, 16),
    }
    write_safetensors(tmp_path / "model.safetensors", header, bytes(16))

    check_weights(tmp_path)


@pytest.mark.parametrize(
    ("header", "data_bytes"),
    [
        ({"a": tensor()}, 7),
        ({"a": tensor()}, 9),
        ({"a": tensor(ends=9)}, 9),
        ({"a": tensor(shape=[3])}, 8),
        ({"a": tensor(shape=[-2])}, 8),
        ({"a": tensor(shape=[2**62, 2**62])}, 8),
        ({"a": tensor(begins=8, ends=0)}, 8),
        ({"a": tensor(begins=-8, ends=0)}, 8),
        ({"a": tensor(begins=2**63, ends=2**63 + 8)}, 8),
        ({"a": tensor(begins=4, ends=12)}, 12),
        ({"a": tensor(), "b": tensor(begins=4, ends=12)}, 12),
        ({"a": tensor(), "b": tensor()}, 8),
        ({"a": tensor("Q4")}, 8),
        ({"a": {"dtype": "F32"}}, 8),
        ({"a": None}, 8),
        (b"[]", 0),
        (b"not json", 0),
        (b'{"a": NaN}', 0),
        (b'{"a": "\xff"}', 0),
        (b"[" * 100_000, 0),
    ],
    ids=lambda value: str(value)[:90],
)
def test_a_header_that_cannot_be_true_is_refused(tmp_path: Path, header: Tensors | bytes, data_bytes: int) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", header, bytes(data_bytes))

    assert refusal(tmp_path).startswith(f"{file} is torn, or no safetensors file (")


@pytest.mark.parametrize("length", [0, 2, 10_000, 99_000_000, 2**40, 2**63, 2**64 - 1])
def test_a_header_of_another_length_than_it_says_is_refused(tmp_path: Path, length: int) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a": tensor()}, length=length)

    assert refusal(tmp_path).endswith("; pull the model again")


@pytest.mark.parametrize("kept", [0, 1, 8, 30])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, kept: int) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", {"a": tensor()})
    os.truncate(file, kept)

    assert "is torn" in refusal(tmp_path)


def test_a_kind_that_mlx_cannot_read_is_refused_by_name(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a": tensor("F64", [1])})

    assert "holds F64 tensors" in refusal(tmp_path)


def test_every_shard_is_looked_at(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-00001-of-00002.safetensors", {"a": tensor()})
    write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"a": tensor(ends=9)})

    assert "model-00002-of-00002.safetensors is torn" in refusal(tmp_path)


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()

    assert "is no file" in refusal(tmp_path)


def test_an_index_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "outside.safetensors", {"a": tensor()})
    folder = tmp_path / "m"
    folder.mkdir()
    write_safetensors(folder / "model.safetensors", {"a": tensor()})
    for name in ("../outside.safetensors", str(tmp_path / "outside.safetensors"), 5, None):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))

        assert "is incomplete" in refusal(folder)
