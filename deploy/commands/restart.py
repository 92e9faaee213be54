"""`pensieve restart`: stop and start again, as it was started."""

import os
from dataclasses import replace

import click

from deploy.failure import Failure
from deploy.places import places
from deploy.running import recall
from deploy.start import start as start_service
from deploy.stop import stop as stop_service
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings


@click.command()
def restart() -> None:
    """Stop the service and start it again with the model and address that it has; what is accepted is kept."""
    settings = Settings.from_env(os.environ)
    where = places(settings.home)
    running = recall(where)
    if running is None:
        raise Failure("Nothing was ever started here; start it with `pensieve start`.")
    if running.held and Supervisor(where).processes() is not None:
        raise Failure(
            "Pensieve is kept running here by `pensieve start --foreground`; restart it where that was started: "
            "with `systemctl restart` or `launchctl kickstart -k`, if it is a service of the system."
        )
    settings = replace(settings, model=running.model, host=running.host, port=running.port)
    stop_service(settings, click.echo)
    again = start_service(settings, os.environ, click.echo, worker=running.worker)
    click.echo(f"Pensieve answers at {again.url} with {again.model_name}.")
