"""`pensieve stop`: end this checkout's service."""

import os

import click

from deploy.stop import stop as stop_service
from queue_config.settings import Settings


@click.command()
def stop() -> None:
    """Stop this checkout's service; return when all of it is down."""
    stopped = stop_service(Settings.from_env(os.environ), click.echo)
    click.echo("Pensieve has stopped." if stopped else "Pensieve was not running.")
