"""`pensieve logs`: the logs of all processes as one, by time, each line with its process."""

import os
from dataclasses import asdict

import click
import orjson

from deploy.log_files import follow as follow_files
from deploy.log_files import tail
from deploy.log_lines import LogLine, merged, timed
from deploy.places import places
from queue_config.settings import Settings

PROCESSES = ("api", "worker", "redis", "supervisor")
_COLOURS = {"api": "cyan", "worker": "magenta", "redis": "blue", "supervisor": "bright_black"}
_LEVEL_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@click.command()
@click.argument("process", required=False, type=click.Choice(PROCESSES))
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="How many old lines of each."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def logs(process: str | None, *, follow: bool, lines: int, as_json: bool) -> None:
    """Show the logs of all processes, or of one, by time."""
    where = places(Settings.from_env(os.environ).home)
    paths = {name: where.log_of(name) for name in ([process] if process else PROCESSES)}
    show = _show_json if as_json else _show
    for line in merged(line for name, path in paths.items() for line in timed(name, tail(path, lines))):
        show(line)
    if follow:
        for name, text in follow_files(paths):
            show(next(timed(name, [text])))


def _show(line: LogLine) -> None:
    name = click.style(f"{line.process:10}", fg=_COLOURS[line.process])
    for text in line.text.splitlines() or [""]:
        click.echo(f"{name} {click.style(text, fg=_LEVEL_COLOURS.get(line.level))}")


def _show_json(line: LogLine) -> None:
    click.echo(orjson.dumps(asdict(line)))
