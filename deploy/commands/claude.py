"""`pensieve claude`: the real Claude Code client, against this service and apart from the user's own account."""

import os
import shutil
from functools import partial

import click

from deploy.claude_code import advice, environment
from deploy.claude_home import prepare_home
from deploy.own_key import own_key
from deploy.ready_service import ready_service
from deploy.served_model import ServedModel
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
    running = ready_service(settings, say)
    model = ServedModel.of(running, own_key(settings))
    environ = environment(os.environ, prepare_home(settings.home), running.url, model, own_key(settings))
    if advised := advice(model, arguments):
        say(advised)
    # From here on this process is the client: signals, terminal and exit code are its own.
    os.execve(client, [CLIENT, *arguments], environ)  # noqa: S606 - no shell is wanted
