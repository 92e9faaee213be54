"""`pensieve pull`: get a model onto this machine."""

import os

import click
import orjson
from rich.console import Console

from deploy.model_choice import fetch
from deploy.progress import Progress
from deploy.progress_bar import progress_bar
from models.drafts import suggested_draft
from models.errors import ModelNotFound
from models.pull import pull as pull_model
from models.resolve import folder_of, resolve
from queue_config.settings import Settings


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="At the end one JSON object, for programs.")
def pull(name: str | None, *, as_json: bool) -> None:
    """Get the model NAME: one that `pensieve models` lists, or any MLX model of the Hugging Face hub as ORG/NAME.

    Without NAME: the one that PENSIEVE_MODEL says, or the default. A pull that was interrupted goes on where it
    stopped; the model appears under its name when all of it is here, and its checksums stand beside it.
    """
    settings = Settings.from_env(os.environ)
    name = name or settings.model
    try:
        spec = resolve(name, settings.models_dir)
    except ModelNotFound:
        console = Console(stderr=True)
        if console.is_terminal:
            with progress_bar(console) as tell:
                pull_model(name, settings.models_dir, tell)
        else:
            fetch(name, settings.models_dir, Progress(lambda line: click.echo(line, err=as_json)))
        spec = resolve(name, settings.models_dir)
    if as_json:
        click.echo(orjson.dumps({"name": spec.name, "dir": str(spec.dir), "weights_bytes": spec.weights_bytes}))
    else:
        click.echo(f"{spec.name} is in {spec.dir}. Serve it with: pensieve start --model {name}")
        draft = suggested_draft(spec.name)
        if draft is not None and not folder_of(draft, settings.models_dir).is_dir():
            click.echo(f"A lone answer comes faster with a draft model beside it: pensieve pull {draft}")
