"""`pensieve bench`: how fast the running service is."""

import os
from dataclasses import asdict

import click
import orjson

from deploy.bench import Measurement, measure
from deploy.failure import Failure
from deploy.own_key import own_key
from deploy.places import places
from deploy.running import recall
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings


@click.command()
@click.option("--streams", type=click.IntRange(1, 1000), default=8, show_default=True, help="How many at once.")
@click.option("--max-tokens", type=click.IntRange(1), default=64, show_default=True, help="Of each answer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def bench(*, streams: int, max_tokens: int, as_json: bool) -> None:
    """Measure the running service: one stream alone, then several at once."""
    settings = Settings.from_env(os.environ)
    where = places(settings.home)
    running = recall(where)
    if running is None or Supervisor(where).processes() is None:
        raise Failure("Pensieve is not running; start it with `pensieve start` (make up).")
    # The first request of a size pays for what the later ones find warm.
    measure(running, streams, 4, own_key(settings))
    alone = measure(running, 1, max_tokens, own_key(settings))
    together = measure(running, streams, max_tokens, own_key(settings))
    if as_json:
        report = {"model": running.model_name, "alone": asdict(alone), "together": asdict(together)}
        click.echo(orjson.dumps(report))
        return
    click.echo(f"{running.model_name} at {running.url}, answers of up to {max_tokens} tokens, greedy")
    for measured in (alone, together):
        click.echo(described(measured))
    click.echo(f"together {together.tokens_per_s / alone.tokens_per_s:.1f} times the tokens of one stream")


def described(measured: Measurement) -> str:
    noun = "stream, " if measured.streams == 1 else "streams,"
    return (
        f"{measured.streams:4} {noun} {measured.tokens_per_s:8.1f} tokens/s in all, "
        f"first text after {measured.first_text_p50_s * 1000:.0f} ms (p50)"
    )
