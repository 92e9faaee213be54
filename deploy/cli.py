"""The `pensieve` command. Each subcommand is a file in deploy/commands, imported only when it is used."""

import sys
from importlib import import_module

import click

from deploy.failure import Failure
from models.errors import ModelError
from queue_config.errors import BadSetting

COMMANDS = ("start", "stop", "status", "logs", "pull", "models", "generate", "claude", "doctor", "bench")

INTERRUPTED = 130

HELP = """Language models on your own machine, behind the Anthropic Messages API.

Every setting is a PENSIEVE_ variable too (PENSIEVE_PORT, PENSIEVE_MODEL, PENSIEVE_REDIS_URL ...);
a flag on the command line wins.
"""
EXIT_CODES = """\b
Exit codes:
  0    done
  1    it could not be done; the sentence on stderr says why, and what to do
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
