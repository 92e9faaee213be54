"""The disk's threads: they take what they can, refuse the rest at once, and give up where the disk says no."""

import errno
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from workers.mlx_engine.prompt_cache_disk import DiskTier
from workers.mlx_engine.prompt_cache_folder import BlockFolder
from workers.mlx_engine.prompt_cache_tree import Prefix, pack

SIZE = 20_000_000
"""Of a block: three may wait."""
SMALL = 1000


class StuckFolder(BlockFolder):
    """Writes and reads nothing before it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "model", "m", 10**9, least_free_bytes=0)
        self.go = threading.Event()

    def write(self, name: str, payload: np.ndarray, used_ns: int) -> None:
        self.go.wait()
        super().write(name, payload, used_ns)

    def read(self, name: str, nbytes: int) -> np.ndarray | None:
        self.go.wait()
        return super().read(name, nbytes)


class FullFolder(BlockFolder):
    """Takes two blocks and no more."""

    def write(self, name: str, payload: np.ndarray, used_ns: int) -> None:
        if len(self.entries()) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(name, payload, used_ns)


def folder(root: Path, budget_bytes: int = 10**9, kind: Callable[..., BlockFolder] = BlockFolder) -> BlockFolder:
    return kind(root, "model", "m", budget_bytes, least_free_bytes=0)


def payload(seed: int = 0, size: int = SMALL) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def _until_writing_ends(disk: DiskTier) -> None:
    until = time.monotonic() + 60
    while disk.is_writing and time.monotonic() < until:
        time.sleep(0.001)


def test_blocks_survive_their_process(tmp_path: Path) -> None:
    disk = DiskTier(folder(tmp_path), SMALL)
    taken = [disk.write(name, payload(seed), 10**9, seed) for seed, name in enumerate("abc")]
    disk.close(60)
    again = DiskTier(folder(tmp_path), SMALL)
    read = [again.read(name).result(60) for name in "abcd"]
    again.close(60)

    assert taken == [True] * 3
    assert [None if got is None else got.tobytes() for got in read] == [*(payload(i).tobytes() for i in range(3)), None]
    assert [again.has(name) for name in "abcd"] == [True, True, True, False]
    assert [entry.name for entry in folder(tmp_path).entries()] == ["c", "b", "a"]


def test_a_slow_disk_is_not_waited_for_and_takes_a_bounded_amount(tmp_path: Path) -> None:
    stuck = StuckFolder(tmp_path)
    disk = DiskTier(stuck, SIZE)
    taken = [disk.write(name, np.empty(SIZE, np.uint8), 10**9, 0) for name in "abcde"]
    read = disk.read("a")
    disk.close(0)

    assert taken == [True, True, True, False, False]
    assert (disk.has_room, read.done()) == (False, False)
    assert [disk.has(name) for name in "abcde"] == [True, True, True, False, False]
    stuck.go.set()
    disk.close(60)
    assert sorted(entry.name for entry in stuck.entries()) == ["a", "b", "c"]


def test_a_full_disk_ends_writing_with_one_line_and_reading_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = DiskTier(folder(tmp_path, kind=FullFolder), SMALL)
    for seed, name in enumerate("abcd"):
        disk.write(name, payload(seed), seed, 0)
    _until_writing_ends(disk)
    read = disk.read("b").result(60)
    refused = disk.write("e", payload(), 9, 0)
    disk.close(60)

    assert read is not None
    assert read.tobytes() == payload(1).tobytes()
    assert (refused, disk.has_room) == (False, False)
    assert [disk.has(name) for name in "abcde"] == [True, True, False, False, False]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "the prompt cache writes no more to disk until the next start: [Errno 28] No space left on device"
    ]


def test_what_is_taken_back_goes_even_if_it_was_not_written_yet(tmp_path: Path) -> None:
    stuck = StuckFolder(tmp_path)
    disk = DiskTier(stuck, SMALL)
    for name in "ab":
        disk.write(name, payload(), 1, 0)
    disk.remove(["a", "never there"])
    stuck.go.set()
    disk.close(60)

    assert [entry.name for entry in stuck.entries()] == ["b"]


def test_what_another_process_writes_is_found_and_what_it_evicts_is_known_to_be_gone(tmp_path: Path) -> None:
    one, other = DiskTier(folder(tmp_path), SMALL), DiskTier(folder(tmp_path), SMALL)
    one.write("a", payload(1), 1, 0)
    one.close(60)
    found = other.read("a").result(60)
    folder(tmp_path).remove(["a"])
    other.write("b", payload(2), 1, 0)
    other.close(60)

    assert found is not None
    assert (other.has("a"), other.has("b")) == (False, True)


def test_blocks_larger_than_the_budget_are_not_written(tmp_path: Path) -> None:
    disk = DiskTier(folder(tmp_path, budget_bytes=SMALL - 1), SMALL)

    assert (disk.write("a", payload(), 1, 0), disk.is_writing) == (False, False)
    disk.close(60)


def test_the_start_says_what_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder(tmp_path).write("a", payload(), 1)
    BlockFolder(tmp_path, "other", "m", 10**9, least_free_bytes=0).write("b", payload(), 1)
    with caplog.at_level(logging.INFO):
        DiskTier(folder(tmp_path), SMALL).close(60)

    assert [record.message for record in caplog.records] == [
        f"prompt cache on disk: 0.00 GB in 2 entries, 1 of them this model's, at most 1.00 GB, in {tmp_path}/model"
    ]


def test_a_use_is_noted_for_the_whole_path(tmp_path: Path) -> None:
    disk = DiskTier(folder(tmp_path), SMALL)
    prefix = Prefix("", pack(range(600)), 600)
    names = disk.names(prefix)
    for depth, name in enumerate(names):
        disk.write(name, payload(), 1_000_000, depth)
    disk.touch(names[:1])
    disk.close(60)

    assert [entry.name for entry in folder(tmp_path).entries()] == [names[1], names[0]]
