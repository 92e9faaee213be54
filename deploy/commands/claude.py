"""`pensieve claude`: the real Claude Code client, against this service and apart from the user's own account."""

import os
import shutil
from functools import partial

import click

from deploy.claude_code import advice, environment
from deploy.claude_home import prepare_home
from deploy.health import Health, ask
from deploy.places import places
from deploy.progress import Progress
from deploy.readiness import wait_until_ready
from deploy.running import Running, recall
from deploy.served_model import ServedModel
from deploy.start import start
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings

CLIENT = "claude"

# Standard output is the client's alone.
say = partial(click.echo, err=True)


class ClientMissing(click.ClickException):
    exit_code = 127

    def __init__(self) -> None:
        super().__init__(
            "Claude Code is not installed (no `claude` on the PATH). Install it with "
            "`npm install -g @anthropic-ai/claude-code`, which needs Node; then run this again."
        )


class EverythingIsTheClients(click.Command):
    """Takes no option itself, not even --help or --."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params["arguments"] = tuple(args)
        return []


@click.command(cls=EverythingIsTheClients)
def claude(*, arguments: tuple[str, ...]) -> None:
    """Run Claude Code against this service, which is started if needed; ARGS are the client's own."""
    client = shutil.which(CLIENT)
    if client is None:
        raise ClientMissing
    settings = Settings.from_env(os.environ)
    running = ready_service(settings)
    model = ServedModel.of(running, settings.api_key)
    environ = environment(os.environ, prepare_home(settings.home), running.url, model, settings.api_key)
    if advised := advice(model, arguments):
        say(advised)
    # From here on this process is the client: signals, terminal and exit code are its own.
    os.execve(client, [CLIENT, *arguments], environ)  # noqa: S606 - no shell is wanted


def ready_service(settings: Settings) -> Running:
    """This checkout's service, whatever model it has; started if it doesn't run."""
    where = places(settings.home)
    supervisor = Supervisor(where)
    running = recall(where)
    if running is None or supervisor.processes() is None:
        return start(settings, os.environ, say)
    answer = ask(running.host, running.port, running.ready_path, api_key=settings.api_key)
    if answer.health is not Health.READY:
        wait_until_ready(running, where, supervisor, Progress(say), api_key=settings.api_key)
    return running
