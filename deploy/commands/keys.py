"""`pensieve keys`: make, list and revoke the keys by which others may call the service."""

import os
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from deploy.own_key import give_own_key
from queue_config.api_keys import SCOPES, ApiKey, KeyFile, Limits, Scope
from queue_config.settings import Settings

WIDE = 160
_RATE = click.IntRange(min=0)


@click.group()
def keys() -> None:
    """Who may call. With the first key, calls without one are refused, at once and for good."""


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Repeatable.  [default: messages]")
@click.option("--requests-per-minute", type=_RATE, default=0, help="0, the default of all three, is no limit.")
@click.option("--input-tokens-per-minute", type=_RATE, default=0)
@click.option("--output-tokens-per-minute", type=_RATE, default=0)
@click.option("--streams", type=_RATE, default=Limits().streams, show_default=True, help="Answers at a time; 0: any.")
def create(name: str, scopes: tuple[Scope, ...], **limits: int) -> None:
    """Make a key and show it, this once: only its hash is kept."""
    settings = _settings()
    key = KeyFile(settings.home).create(name, scopes or ("messages",), Limits(**limits))
    give_own_key(settings)
    click.echo(key)
    click.echo("Keep it now: it can't be shown again.", err=True)


@keys.command(name="list")
def list_keys() -> None:
    """Show every key's name, scopes and limits; never the key."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "scopes", "made", "limits"):
        table.add_column(heading, no_wrap=True)
    for key in KeyFile(_settings().home).all():
        table.add_row(*row(key))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Refuse a key from now on. What it has started goes on to its end."""
    KeyFile(_settings().home).revoke(name)
    click.echo(f"The key {name} is revoked.", err=True)


def row(key: ApiKey) -> tuple[str, str, str, str]:
    limits = key.limits
    rates = {
        "requests/min": limits.requests_per_minute,
        "input tokens/min": limits.input_tokens_per_minute,
        "output tokens/min": limits.output_tokens_per_minute,
        "streams": limits.streams,
    }
    made = datetime.fromtimestamp(key.created_at, UTC).date().isoformat()
    return key.name, " ".join(key.scopes), made, ", ".join(f"{n} {of}" for of, n in rates.items() if n)


def _settings() -> Settings:
    return Settings.from_env(os.environ)
