"""`pensieve start`: the service in the background, or under this process."""

import json
import os
import shlex
from dataclasses import replace

import click

from deploy.foreground import hold
from deploy.own_key import own_key
from deploy.running import Running
from deploy.start import start as start_service
from queue_config.settings import Settings


@click.command()
@click.option("--model", metavar="NAME|PATH", help="A catalogue name, a folder, or the path of a model.safetensors.")
@click.option("--host", help="The address to answer at.")
@click.option("--port", type=click.IntRange(1, 65_535))
@click.option("--no-worker", is_flag=True, help="Only the API, for workers on other machines.")
@click.option("--foreground", is_flag=True, help="Stay until SIGTERM, Ctrl-C or `pensieve stop`: for systemd, launchd.")
def start(*, model: str | None, host: str | None, port: int | None, no_worker: bool, foreground: bool) -> None:
    """Start the service in the background; return when it is ready.

    Harmless if it runs already.
    """
    settings = Settings.from_env(os.environ)
    settings = replace(settings, model=model or settings.model, host=host or settings.host, port=port or settings.port)
    if foreground:
        hold(settings, os.environ, click.echo, worker=not no_worker)
        return
    running = start_service(settings, os.environ, click.echo, worker=not no_worker)
    click.echo(f"\nPensieve answers at {running.url} with {running.model_name}: open it in a browser, or try\n")
    click.echo(f"{curl(running, settings)}\n")
    click.echo("Stop it with `make down` or `pensieve stop`.")


def curl(running: Running, settings: Settings) -> str:
    """One line that streams an answer when pasted into a shell."""
    body = {
        "model": running.model_name,
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": "Why is the sky blue?"}],
    }
    # The shell fills the key in: it should not stand in scrollbacks and CI logs.
    key = ' -H "x-api-key: $PENSIEVE_API_KEY"' if own_key(settings) else ""
    data = shlex.quote(json.dumps(body))
    return f"curl -N {running.url}/v1/messages{key} -H 'content-type: application/json' -d {data}"
