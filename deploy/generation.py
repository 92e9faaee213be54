"""One answer without a service: the engine runs in this process."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from models.conversation import conversation
from models.families import family_for
from models.resolve import resolve
from models.tokenizer import Tokenizer
from queue_config.events import Finished
from queue_config.pieces import text_of
from queue_config.request import SamplingParams
from queue_config.settings import Settings
from workers.build import make_engine
from workers.engine import Engine
from workers.output import OutputText
from workers.sequence import Sequence

_ID = "generate"


class EngineFailed(Exception):
    """The engine gave this sequence up; the message is its own."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counted in tokens and seconds; the first token is the prompt's, the rest is decoding."""

    load_s: float
    prompt_tokens: int
    output_tokens: int
    first_token_s: float
    decode_s: float
    reason: str

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first; 0 if there was only one."""
        return (self.output_tokens - 1) / self.decode_s if self.decode_s > 0 and self.output_tokens > 1 else 0.0


def generate(settings: Settings, prompt: str, sampling: SamplingParams, emit: Callable[[str], object]) -> Metrics:
    """Answer `prompt` as a user's first message; pieces of text go to `emit` as they become certain."""
    started = time.monotonic()
    spec = resolve(settings.model, settings.models_dir)
    tokenizer = Tokenizer.load(spec.dir)
    ids = tokenizer.encode(family_for(spec.dir).render(conversation("", [("user", prompt)])))
    engine = make_engine(settings, spec, tokenizer)
    loaded = first_at = time.monotonic()

    output = OutputText(tokenizer.decoder(ids), tokenizer.eos_ids, sampling)
    finished: Finished | None = None
    sequence = Sequence(_ID, tuple(ids), sampling)
    stream = tokens(engine, sequence)
    # An answer ends at max_tokens at the latest.
    while finished is None:
        pieces, finished = output.push(next(stream))
        if len(sequence.output) == 1:
            first_at = time.monotonic()
        emit(text_of(pieces))
    stream.close()
    return Metrics(
        load_s=loaded - started,
        prompt_tokens=len(ids),
        output_tokens=finished.output_tokens,
        first_token_s=first_at - loaded,
        decode_s=time.monotonic() - first_at,
        reason=finished.reason,
    )


def tokens(engine: Engine, sequence: Sequence) -> Generator[int]:
    """Its tokens one by one, for as long as they are asked for."""
    engine.add(sequence)
    try:
        while engine.prefill(sequence.id, engine.prefill_chunk) > 0:
            pass
        while True:
            for sampled in engine.decode():
                if sampled.error:
                    raise EngineFailed(sampled.error)
                sequence.output.append(sampled.token)
                yield sampled.token
    finally:
        engine.remove(sequence.id)
