"""`pensieve generate`: one answer, without a service."""

import os
import secrets
from dataclasses import asdict, replace

import click
import orjson

from deploy.failure import Failure
from deploy.generation import EngineFailed, Metrics
from deploy.generation import generate as generate_answer
from deploy.model_choice import settled
from queue_config.request import SamplingParams
from queue_config.settings import Settings


@click.command()
@click.option("--model", metavar="NAME|PATH", help="A catalogue name, a folder, or the path of a model.safetensors.")
@click.option("--prompt", required=True, help="What the user says.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option("--top-k", type=click.IntRange(0), default=0, help="Choose among so many tokens; 0: all.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed draws the same answer.")
@click.option("--stop", multiple=True, help="End the answer before this text; may be given several times.")
@click.option("--stream", is_flag=True, help="Show the answer while it comes.")
@click.option("--metrics", is_flag=True, help="Say on stderr how fast it was.")
@click.option("--json", "as_json", is_flag=True, help="Answer and figures as one JSON object, for programs.")
def generate(  # noqa: PLR0913 - one parameter an option
    *,
    model: str | None,
    prompt: str,
    max_tokens: int,
    temperature: float,
    top_p: float,
    top_k: int,
    seed: int | None,
    stop: tuple[str, ...],
    stream: bool,
    metrics: bool,
    as_json: bool,
) -> None:
    """Answer one prompt in this process; needs no service."""
    settings = Settings.from_env(os.environ)
    settings = replace(settings, model=settled(model or settings.model))
    sampling = SamplingParams(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        stop=stop,
        seed=secrets.randbits(63) if seed is None else seed,
    )
    pieces: list[str] = []
    emit = (lambda text: click.echo(text, nl=False)) if stream and not as_json else pieces.append
    try:
        measured = generate_answer(settings, prompt, sampling, emit)
    except EngineFailed as error:
        raise Failure(f"The model failed on this prompt: {error}.") from error
    if as_json:
        click.echo(orjson.dumps({"text": "".join(pieces), **asdict(measured)}))
        return
    click.echo("".join(pieces))
    if metrics:
        click.echo(described(measured), err=True)


def described(metrics: Metrics) -> str:
    return (
        f"load {metrics.load_s:.2f} s · prompt {metrics.prompt_tokens} tokens · "
        f"first token after {metrics.first_token_s:.2f} s · {metrics.output_tokens} tokens · "
        f"{metrics.decode_rate:.1f} tokens/s · ended by {metrics.reason}"
    )
