"""`pensieve status`: what runs, whether it is ready, and what it does right now."""

import os
import sys
from dataclasses import asdict

import click
import orjson
from rich.console import Console

from deploy.health import ask
from deploy.overview import look, screen
from deploy.own_key import own_key
from deploy.places import places
from deploy.running import recall
from deploy.service_redis import redis_url
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings

NOT_READY, NOT_RUNNING = 1, 3
WIDE = 160


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option("--redis-url", "only_redis", is_flag=True, help="Only how to reach its Redis, password and all.")
def status(*, as_json: bool, only_redis: bool) -> None:
    """Say what runs and what it does: exit code 0 ready, 1 not ready, 3 nothing runs."""
    settings = Settings.from_env(os.environ)
    where = places(settings.home)
    if only_redis:
        click.echo(redis_url(settings, where))
        return
    processes = Supervisor(where).processes()
    running = recall(where)
    if processes is None or running is None:
        click.echo(orjson.dumps({"running": False, "ready": False}) if as_json else "Pensieve is not running.")
        sys.exit(NOT_RUNNING)
    answer = ask(running.host, running.port, running.ready_path, api_key=own_key(settings))
    overview = look(running, processes, answer, redis_url(settings, where))
    if as_json:
        click.echo(orjson.dumps({"running": True, **asdict(overview)}))
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = WIDE
        console.print(screen(overview))
    sys.exit(0 if overview.ready else NOT_READY)
