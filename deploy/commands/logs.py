"""`pensieve logs`: the processes' logs, each line with its process's name."""

import os

import click

from deploy.log_files import follow as follow_files
from deploy.log_files import tail
from deploy.places import places
from queue_config.settings import Settings

PROCESSES = ("api", "worker", "redis", "supervisor")


@click.command()
@click.argument("process", required=False, type=click.Choice(PROCESSES))
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="How many old lines of each."
)
def logs(process: str | None, *, follow: bool, lines: int) -> None:
    """Show the logs of all processes, or of one."""
    where = places(Settings.from_env(os.environ).home)
    paths = {name: where.log_of(name) for name in ([process] if process else PROCESSES)}
    for name, path in paths.items():
        for line in tail(path, lines):
            click.echo(f"{name:10} {line}")
    if follow:
        for name, line in follow_files(paths):
            click.echo(f"{name:10} {line}")
