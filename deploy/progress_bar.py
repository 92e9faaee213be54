"""A bar for something slow on a terminal, with what is left of it; elsewhere lines do better (deploy.progress)."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from models.progress import Progress as Told


@contextmanager
def progress_bar(console: Console) -> Iterator[Told]:
    """Yield what a pull tells its progress to; the bar goes when the context ends."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(done_bytes: int, total_bytes: int | None, what: str) -> None:
            bar.update(task, completed=done_bytes, total=total_bytes, description=what)

        yield tell
