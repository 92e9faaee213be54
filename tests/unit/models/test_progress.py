"""What has arrived of a download is looked at while others write and remove there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from models.progress import size_bytes


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A folder with one file of 1,000 bytes, in which a neighbour makes and removes folders all the time."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"x" * 1000)
    enough = Event()

    def churn() -> None:
        while not enough.is_set():
            (tmp_path / "brief" / "inside").mkdir(parents=True)
            (tmp_path / "brief" / "inside" / "empty").touch()
            shutil.rmtree(tmp_path / "brief")

    neighbour = Thread(target=churn)
    neighbour.start()
    yield tmp_path
    enough.set()
    neighbour.join()


def test_files_and_folders_that_vanish_while_we_look_count_nothing(busy: Path) -> None:
    sizes = {size_bytes(busy) for _ in range(2000)}

    assert sizes == {1000}
