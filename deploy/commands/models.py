"""`pensieve models`: the catalogue, and what of it is on this machine."""

import os

import click
from rich.console import Console
from rich.table import Table

from models.catalog import CATALOG, CatalogEntry
from models.resolve import folder_of
from queue_config.settings import Settings

GB = 1_000_000_000
WIDE = 160


@click.command()
def models() -> None:
    """List models that are known to work, with what they need. Any other MLX model of the hub can be pulled too."""
    models_dir = Settings.from_env(os.environ).models_dir
    table = Table(box=None, pad_edge=False)
    # Names are there to be copied: they are never cut, the notes give way.
    for heading in ("", "name", "size", "memory", "context"):
        table.add_column(heading, no_wrap=True)
    table.add_column("licence")
    table.add_column("note", ratio=1)
    for entry in CATALOG:
        here = folder_of(entry.name, models_dir).is_dir()
        table.add_row("here" if here else "", *row(entry))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


def row(entry: CatalogEntry) -> tuple[str, ...]:
    size = f"{'' if entry.size_is_exact else '~'}{entry.size_bytes / GB:.1f} GB"
    return entry.name, size, f"{entry.memory_bytes / GB:.1f} GB", f"{entry.context_tokens:,}", entry.licence, entry.note
