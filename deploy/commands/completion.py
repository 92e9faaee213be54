"""`pensieve completion`: what a shell needs to complete this command's words."""

import click
from click.shell_completion import get_completion_class

from deploy.failure import Failure

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PENSIEVE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(pensieve completion bash)"      in ~/.bashrc
    zsh:   eval "$(pensieve completion zsh)"       in ~/.zshrc
    fish:  pensieve completion fish | source       in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"There is no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "pensieve", VARIABLE).source())
