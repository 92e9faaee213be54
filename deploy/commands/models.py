"""`pensieve models`: the catalogue, and what is on this machine: look at it, check it, remove it."""

import os
import shutil
from dataclasses import asdict

import click
import orjson
from rich.console import Console
from rich.table import Table

from deploy.failure import Failure
from deploy.local_models import LocalModel, damaged, details, find_local, local_models, users_of
from deploy.places import places
from models.catalog import CATALOG, CatalogEntry
from models.catalog import find as find_entry
from models.resolve import folder_of
from queue_config.settings import Settings

GB = 1_000_000_000
WIDE = 160


@click.group(invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """Models that are known to work, and those that are here. Without a word behind it: list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def list_models(*, as_json: bool = False) -> None:
    """List models that are known to work, with what they need, and whatever else is here.

    Any other MLX model of the hub can be pulled too.
    """
    models_dir = Settings.from_env(os.environ).models_dir
    local = local_models(models_dir)
    others = [model for model in local if find_entry(model.name) is None]
    if as_json:
        known = [_as_json(entry, is_here=folder_of(entry.name, models_dir).is_dir()) for entry in CATALOG]
        click.echo(orjson.dumps({"catalogue": known, "here": [_shown(model) for model in local]}))
        return
    table = Table(box=None, pad_edge=False)
    # Names are there to be copied: they are never cut, the notes give way.
    for heading in ("", "name", "size", "memory", "context"):
        table.add_column(heading, no_wrap=True)
    table.add_column("licence")
    table.add_column("note", ratio=1)
    for entry in CATALOG:
        here = folder_of(entry.name, models_dir).is_dir()
        table.add_row("here" if here else "", *row(entry))
    for model in others:
        table.add_row("here", model.name, f"{model.disk_bytes / GB:.1f} GB", "", "", "", model.source)
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def info(name: str, *, as_json: bool) -> None:
    """Say what is known of a model that is here."""
    settings = Settings.from_env(os.environ)
    found = details(find_local(name, settings.models_dir))
    if as_json:
        click.echo(orjson.dumps(found))
        return
    for field, value in found.items():
        click.echo(f"{field.replace('_', ' '):16} {value}")


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def check(name: str, *, as_json: bool) -> None:
    """Compare a model's files with what they were when it was pulled; exit code 1 if any differs."""
    model = find_local(name, Settings.from_env(os.environ).models_dir)
    wrong = damaged(model)
    if as_json:
        click.echo(orjson.dumps({"name": model.name, "ok": not wrong, "damaged": wrong}))
    elif not wrong:
        click.echo(f"{model.name} is as it was pulled.")
    if wrong:
        raise Failure(
            f"{', '.join(wrong)} of {model.name} changed since the pull; pull it anew: "
            f"pensieve models rm {model.name}, then pensieve pull {model.name}"
        )


@models.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def rm(name: str, *, yes: bool) -> None:
    """Remove a model from this machine."""
    settings = Settings.from_env(os.environ)
    model = find_local(name, settings.models_dir)
    if users_of(model, settings, places(settings.home)):
        raise Failure(f"{model.name} is being served; stop the service first: pensieve stop")
    if not yes:
        click.confirm(f"Remove {model.name} ({model.disk_bytes / GB:.2f} GB) from {model.dir}?", abort=True)
    shutil.rmtree(model.dir)
    click.echo(f"Removed {model.name}; {model.disk_bytes / GB:.2f} GB are free again.")


def row(entry: CatalogEntry) -> tuple[str, ...]:
    size = f"{'' if entry.size_is_exact else '~'}{entry.size_bytes / GB:.1f} GB"
    return entry.name, size, f"{entry.memory_bytes / GB:.1f} GB", f"{entry.context_tokens:,}", entry.licence, entry.note


def _as_json(entry: CatalogEntry, *, is_here: bool) -> dict[str, object]:
    return {
        "name": entry.name,
        "here": is_here,
        "size_bytes": entry.size_bytes,
        "memory_bytes": entry.memory_bytes,
        "context_tokens": entry.context_tokens,
        "licence": entry.licence,
        "note": entry.note,
    }


def _shown(model: LocalModel) -> dict[str, object]:
    return asdict(model) | {"dir": str(model.dir)}
