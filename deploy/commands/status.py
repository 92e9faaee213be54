"""`pensieve status`: what runs, and whether it is ready."""

import os
import sys
from dataclasses import asdict

import click
import orjson

from deploy.health import Health, ask
from deploy.places import places
from deploy.running import recall
from deploy.supervisor_client import Process, Supervisor
from queue_config.settings import Settings

NOT_READY, NOT_RUNNING = 1, 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(*, as_json: bool) -> None:
    """Say what runs and whether it is ready: exit code 0 ready, 1 not ready, 3 nothing runs."""
    settings = Settings.from_env(os.environ)
    where = places(settings.home)
    processes = Supervisor(where).processes()
    running = recall(where)
    if processes is None or running is None:
        click.echo(orjson.dumps({"running": False, "ready": False}) if as_json else "Pensieve is not running.")
        sys.exit(NOT_RUNNING)
    answer = ask(running.host, running.port, running.ready_path, api_key=settings.api_key)
    ready = answer.health is Health.READY
    if as_json:
        report = {
            "running": True,
            "ready": ready,
            "reason": answer.reason,
            "url": running.url,
            "model": running.model_name,
        }
        click.echo(orjson.dumps({**report, "processes": [asdict(process) for process in processes]}))
    else:
        state = "ready" if ready else f"not ready{': ' if answer.reason else ''}{answer.reason}"
        click.echo(f"Pensieve at {running.url} with {running.model_name} is {state}.")
        for process in processes:
            click.echo(f"  {_line(process)}")
    sys.exit(0 if ready else NOT_READY)


def _line(process: Process) -> str:
    if not process.pid:
        return f"{process.name:8} {process.state.lower()}"
    minutes, seconds = divmod(process.uptime_s, 60)
    return f"{process.name:8} {process.state.lower():10} pid {process.pid:<8} up {minutes} min {seconds} s"
