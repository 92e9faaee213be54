"""`pensieve chat`: a conversation in the terminal, with the service that runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial

import click

from deploy.chat_client import Conversation
from deploy.failure import Failure
from deploy.own_key import own_key
from deploy.ready_service import ready_service
from queue_config.settings import Settings

HELP = """\
/clear          forget what was said
/system TEXT    begin anew with this system prompt; without TEXT: with none
/help           this list
/exit           end (Ctrl-D does too); Ctrl-C stops an answer"""


@click.command()
@click.option("--system", default="", help="A system prompt.")
@click.option("--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Of each answer.")
@click.option("--temperature", type=click.FloatRange(0, 1), help="0 is greedy; the model's own if left out.")
def chat(*, system: str, max_tokens: int, temperature: float | None) -> None:
    """Talk with the model, started if it doesn't run. From a pipe, every line is a turn."""
    settings = Settings.from_env(os.environ)
    running = ready_service(settings, partial(click.echo, err=True))
    conversation = Conversation(running, own_key(settings), system, max_tokens, temperature)
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - arrow keys and a history for input()
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        click.echo(f"{running.model_name} at {running.url}. /help lists what else there is.")
    for line in _lines(is_terminal=is_terminal):
        if line.startswith("/"):
            if _obey(line, conversation):
                return
        elif line.strip():
            _answer(conversation, line, is_terminal=is_terminal)


def _lines(*, is_terminal: bool) -> Iterator[str]:
    """What the user says, until the end of input."""
    while True:
        try:
            yield input("> " if is_terminal else "")
        except EOFError:
            if is_terminal:
                click.echo()
            return
        except KeyboardInterrupt:
            click.echo("\n(Ctrl-D or /exit ends the chat.)")


def _obey(line: str, conversation: Conversation) -> bool:
    """Do what the line says; True to end."""
    word, _, rest = line.partition(" ")
    match word:
        case "/exit" | "/quit":
            return True
        case "/clear":
            conversation.clear()
            click.echo("Forgotten.")
        case "/system":
            conversation.clear()
            conversation.system = rest.strip()
            click.echo("Begun anew with this system prompt." if conversation.system else "Begun anew with none.")
        case "/help":
            click.echo(HELP)
        case _:
            click.echo(f"There is no {word}; /help lists what there is.")
    return False


def _answer(conversation: Conversation, line: str, *, is_terminal: bool) -> None:
    """Show the answer as it comes. Closing it early is what cancels it; a pipe's reader hears of failures at once."""
    try:
        with closing(conversation.say(line)) as pieces:
            for piece in pieces:
                click.echo(piece, nl=False)
        click.echo()
    except KeyboardInterrupt:
        click.echo(" (stopped)")
    except Failure as failure:
        if not is_terminal:
            raise
        click.echo(click.style(str(failure), fg="red"), err=True)
