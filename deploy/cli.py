"""The `pensieve` command. Each subcommand is a file in deploy/commands, imported only when it is used."""

import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from deploy.failure import Failure
from models.errors import ModelError
from queue_config.errors import BadSetting

COMMANDS = {
    "start": "Start the service in the background.",
    "stop": "Stop this checkout's service.",
    "restart": "Stop it and start it again, as it was started.",
    "status": "Say what runs and what it does.",
    "service": "Start with every login, kept by systemd or launchd.",
    "logs": "Show the logs of all processes, or of one, by time.",
    "pull": "Get a model.",
    "models": "List, check and remove models.",
    "generate": "Answer one prompt in this process; needs no service.",
    "chat": "Talk with the model.",
    "claude": "Run Claude Code against this service.",
    "keys": "Make, list and revoke the keys by which others may call.",
    "doctor": "Look for what is missing or wrong on this machine.",
    "bench": "Measure the running service.",
    "completion": "Print what a shell needs to complete this command.",
}
"""Told here too, so that help and completion import none of them."""

INTERRUPTED = 130

HELP = """Language models on your own machine, behind the Anthropic Messages API.

Every setting is a PENSIEVE_ variable too (PENSIEVE_PORT, PENSIEVE_MODEL, PENSIEVE_REDIS_URL ...);
a flag on the command line wins.
"""
EXIT_CODES = """\b
Exit codes:
  0    done
  1    it could not be done, or is not as it should be (status, doctor, models check)
  2    the command line is wrong
  3    status: nothing runs
  127  claude: the client is not installed; once it runs, the code is its own
  130  interrupted
"""


class CommandGroup(click.Group):
    """Finds subcommands by name, and turns the errors that are the user's to mend into one sentence."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"deploy.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, _ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (Failure, BadSetting, ModelError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


@click.group(cls=CommandGroup, help=HELP, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pensieve")
def main() -> None:
    pass
