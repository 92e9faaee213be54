"""Blocks as files: what comes back is what went in or nothing, within the budget, whatever happens to the files."""

import multiprocessing
import os
import signal
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from workers.mlx_engine import prompt_cache_file
from workers.mlx_engine.prompt_cache_file import BadBlock, BlockId, read_block, write_block
from workers.mlx_engine.prompt_cache_folder import BlockFolder

SIZE = 5000
FILE_BYTES = 5400
"""At most, header included."""
NAMES = ["a", "b", "c", "d"]


def payload(seed: int = 0, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def folder(root: Path, files: int = 100, fingerprint: str = "m", model: str = "model") -> BlockFolder:
    return BlockFolder(root, model, fingerprint, files * FILE_BYTES, least_free_bytes=0)


def filled(root: Path) -> BlockFolder:
    """One that holds block a."""
    here = folder(root)
    here.write("a", payload(), 10)
    return here


def file_of(root: Path) -> Path:
    return root / "model" / "a.kv"


def held(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("*/*"))


def test_what_was_written_is_read_in_another_life(tmp_path: Path) -> None:
    filled(tmp_path)
    got = folder(tmp_path).read("a", SIZE)

    assert got is not None
    assert got.tobytes() == payload().tobytes()


def test_nobody_else_may_look(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache", *(tmp_path / "cache").rglob("*"))}

    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_any_changed_byte_makes_it_a_miss_and_the_file_goes(tmp_path: Path) -> None:
    filled(tmp_path)
    size = file_of(tmp_path).stat().st_size
    wrong = []
    for place in [*range(400), *range(400, size, 97), size - 1]:
        here = filled(tmp_path)
        content = bytearray(file_of(tmp_path).read_bytes())
        content[place] ^= 0x10
        file_of(tmp_path).write_bytes(content)
        got = here.read("a", SIZE)
        # A header's blanks may be any blanks.
        is_whole = got is not None and got.tobytes() == payload().tobytes()
        is_gone = got is None and held(tmp_path) == []
        if not is_gone and not (is_whole and place < 400):
            wrong.append(place)

    assert wrong == []


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, SIZE, SIZE + 100])
def test_one_cut_short_is_a_miss_and_goes(tmp_path: Path, length: int) -> None:
    here = filled(tmp_path)
    file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:length])

    assert here.read("a", SIZE) is None
    assert held(tmp_path) == []


SPOILERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("Dear diary, " * 430),
    "another block": lambda path: write_as(path, BlockId("b", "m", SIZE), payload()),
    "another model": lambda path: write_as(path, BlockId("a", "n", SIZE), payload()),
    "another size": lambda path: write_as(path, BlockId("a", "m", SIZE - 4), payload(size=SIZE - 4)),
    "another type": lambda path: save_file({"about": payload(), "kv": payload(size=SIZE).view(np.uint16)}, path),
    "other arrays": lambda path: save_file({"weights": payload()}, path),
    "a list": lambda path: save_file({"about": np.frombuffer(b"[1]", np.uint8), "kv": payload()}, path),
    "a much larger one": lambda path: path.write_bytes(bytes(10**6)),
}


def write_as(path: Path, block: BlockId, content: np.ndarray) -> None:
    path.unlink()
    write_block(path, block, content)


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_a_foreign_file_of_a_blocks_name_is_a_miss_and_goes(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    here = filled(tmp_path)
    spoil(file_of(tmp_path))

    assert here.read("a", SIZE) is None
    assert held(tmp_path) == []


def test_an_older_format_is_no_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = BlockId("a", "m", SIZE)
    with monkeypatch.context() as older:
        older.setattr(prompt_cache_file, "FORMAT", 0)
        write_block(tmp_path / "file", block, payload())

    with pytest.raises(BadBlock, match="'format': 0"):
        read_block(tmp_path / "file", block)


def test_a_file_that_is_not_ours_is_let_be(tmp_path: Path) -> None:
    here = folder(tmp_path, files=1)
    (tmp_path / "model" / "notes.txt").write_text("mine" * 10_000)
    here.write("a", payload(), 10)
    here.sweep()

    assert [entry.name for entry in here.trim()] == ["a"]
    assert held(tmp_path) == ["a.kv", "notes.txt"]


def test_the_least_recently_used_go_first_and_the_budget_is_kept(tmp_path: Path) -> None:
    here = folder(tmp_path, files=3)
    for number, name in enumerate(NAMES[:3]):
        here.write(name, payload(), 10**9 * (number + 1))
    here.touch(["a"], 10**9 * 10)
    here.write("d", payload(), 10**9 * 11)

    assert [entry.name for entry in here.trim()] == ["c", "a", "d"]
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 3 * FILE_BYTES


def test_of_one_path_the_end_goes_before_the_beginning(tmp_path: Path) -> None:
    here = folder(tmp_path, files=2)
    for name in NAMES:
        here.write(name, payload(), 10**9)
    here.touch(NAMES, 2 * 10**9)

    assert [entry.name for entry in here.trim()] == ["b", "a"]


def test_a_use_never_makes_a_block_look_older(tmp_path: Path) -> None:
    here = filled(tmp_path)
    here.touch(["a"], 1000)
    here.touch(["a", "gone"], 900)

    assert [entry.used_ns for entry in here.entries()] == [1000]


def test_all_models_share_one_budget(tmp_path: Path) -> None:
    folder(tmp_path, model="old").write("a", payload(), 1)
    new = folder(tmp_path, files=1, model="new")
    new.write("b", payload(), 2)

    assert [entry.name for entry in new.trim() if new.is_own(entry)] == ["b"]
    assert held(tmp_path) == ["b.kv"]


def test_what_a_dead_process_left_unfinished_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    here = filled(tmp_path)
    old, new = tmp_path / "model" / "b.1.aa.part", tmp_path / "model" / "b.2.bb.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (10, 10))
    here.sweep()

    assert held(tmp_path) == ["a.kv", new.name]


def test_a_nearly_full_disk_is_left_alone(tmp_path: Path) -> None:
    here = BlockFolder(tmp_path, "model", "m", 10**9, least_free_bytes=2**60)

    with pytest.raises(OSError, match="would be left on the disk"):
        here.write("a", payload(), 1)
    assert held(tmp_path) == []


def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = folder(tmp_path)

    def full(_arrays: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(prompt_cache_file, "save_file", full)

    with pytest.raises(OSError, match="No space left"):
        here.write("a", payload(), 1)
    assert held(tmp_path) == []


def _write_for_ever(root: Path) -> None:
    """Always the same four blocks, of contents that belong to their names."""
    here = folder(root, files=3)
    for number in count():
        here.write(NAMES[number % 4], payload(number % 4), number)
        here.trim()


def test_processes_that_write_read_evict_and_are_killed_never_make_a_false_hit(tmp_path: Path) -> None:
    here = folder(tmp_path)
    spawn = multiprocessing.get_context("spawn")
    contents = {name: payload(number).tobytes() for number, name in enumerate(NAMES)}
    hits = 0
    for _ in range(2):
        writers = [spawn.Process(target=_write_for_ever, args=(tmp_path,)) for _ in range(2)]
        for writer in writers:
            writer.start()
        seen = 0
        while seen < 200:
            for name in NAMES:
                got = here.read(name, SIZE)
                assert got is None or got.tobytes() == contents[name]
                seen += got is not None
        hits += seen
        for writer in writers:
            os.kill(writer.pid or 0, signal.SIGKILL)
            writer.join()

    assert hits >= 400
    # Whole files only, but for at most one unfinished each of those killed.
    assert len([name for name in held(tmp_path) if name.endswith(".part")]) <= 4
