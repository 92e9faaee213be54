"""`pensieve service`: have systemd or launchd keep the service, from login on."""

import os
import sys
from pathlib import Path

import click

from deploy.failure import Failure
from deploy.login_service import Kind, LoginService, login_service, run, unit_of, write
from deploy.places import places, prepare
from queue_config.settings import Settings

NAME = click.option("--name", default="pensieve", show_default=True, help="For a second checkout beside the first.")


@click.group()
def service() -> None:
    """Start with every login, kept running by systemd (Linux) or launchd (macOS), as a service of yours alone.

    The PENSIEVE_ variables that are set now become part of it.
    """


@service.command(name="print")
@NAME
@click.option("--kind", type=click.Choice(["systemd", "launchd"]), help="Default: what this machine has.")
def print_unit(*, name: str, kind: Kind | None) -> None:
    """Show the unit file and change nothing."""
    click.echo(_service(name, kind).text, nl=False)


@service.command()
@NAME
def install(*, name: str) -> None:
    """Write the unit, and start the service now and at every login."""
    prepare(places(Settings.from_env(os.environ).home))
    found = _service(name)
    write(found)
    click.echo(f"Wrote {found.path}.")
    for command in found.start:
        click.echo(f"  {' '.join(command)}")
        run(command)
    click.echo("Pensieve now starts when you log in; `pensieve service uninstall` ends that.")
    if sys.platform == "linux":
        click.echo("To have it from boot on, whether you log in or not: loginctl enable-linger")


@service.command()
@NAME
def uninstall(*, name: str) -> None:
    """Stop the service and remove its unit. Models, settings and what is queued stay."""
    found = _service(name)
    if not found.path.exists():
        raise Failure(f"There is no {found.path}.")
    for command in found.forget:
        click.echo(f"  {' '.join(command)}")
        try:
            run(command)
        except Failure as failure:
            # It may be there without being loaded.
            click.echo(str(failure), err=True)
    found.path.unlink()
    click.echo(f"Removed {found.path}.")


def _service(name: str, kind: Kind | None = None) -> LoginService:
    here: Kind = "launchd" if sys.platform == "darwin" else "systemd"
    return login_service(kind or here, unit_of(name, os.environ), Path.home())
