"""`pensieve pull`: get a model onto this machine."""

import os

import click

from deploy.model_choice import fetch
from deploy.progress import Progress
from models.errors import ModelNotFound
from models.resolve import resolve
from queue_config.settings import Settings


@click.command()
@click.argument("name", required=False)
def pull(name: str | None) -> None:
    """Get the model NAME: one that `pensieve models` lists, or any MLX model of the Hugging Face hub as ORG/NAME.

    Without NAME: the one that PENSIEVE_MODEL says, or the default.
    """
    settings = Settings.from_env(os.environ)
    name = name or settings.model
    try:
        spec = resolve(name, settings.models_dir)
    except ModelNotFound:
        fetch(name, settings.models_dir, Progress(click.echo))
        spec = resolve(name, settings.models_dir)
    click.echo(f"{spec.name} is in {spec.dir}. Serve it with: pensieve start --model {name}")
