"""A model's fingerprint: the same for a copy of the folder, another one for anything else that computes otherwise."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.prompt_cache_fingerprint import fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "model")


def _train(folder: Path) -> None:
    """Other weights in a file of the same size and time."""
    path = folder / "model.safetensors"
    status = path.stat()
    content = bytearray(path.read_bytes())
    # The first tensor's first number, behind the header.
    content[8 + int.from_bytes(content[:8], "little")] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "weights": _train,
    "their time": lambda folder: os.utime(folder / "model.safetensors", (1, 1)),
    "another file of weights": lambda folder: shutil.copy(folder / "model.safetensors", folder / "more.safetensors"),
    "config": lambda folder: (folder / "config.json").write_text("{}"),
}


def test_a_copy_of_the_folder_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")

    assert fingerprint(copy, "float32") == fingerprint(folder, "float32")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_model_is_another_one(folder: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(folder, "float32")
    change(folder)

    assert fingerprint(folder, "float32") != before


def test_another_compute_type_is_another_model(folder: Path) -> None:
    assert fingerprint(folder, "float32") != fingerprint(folder, "bfloat16")
