"""Sequence: one generation in progress, as the scheduler and the engine see it."""

from dataclasses import dataclass, field
from enum import Enum

from queue_config.request import Lane, SamplingParams
from workers.constraint import Constraint


class Stage(Enum):
    WAITING = "waiting"
    PREFILLING = "prefilling"
    DECODING = "decoding"


@dataclass(slots=True, eq=False)
class Sequence:
    """`prompt` + `output` are the tokens so far; a resumed sequence starts with `output` filled from the log."""

    id: str
    prompt: tuple[int, ...]
    sampling: SamplingParams
    output: list[int] = field(default_factory=list)
    salt: str = ""
    """Only sequences of the same salt share what was computed of a common prefix."""
    boundaries: tuple[int, ...] = ()
    """After how many tokens the system prompt and each turn end."""
    stage: Stage = Stage.WAITING
    lane: Lane = "interactive"
    constraint: Constraint | None = None
    """What its next token may be; None for anything. The engine tells it each token that it reads."""
    to_prefill: int = field(init=False)
    """How many of its tokens the engine has not processed yet."""
    cache_read_tokens: int = 0
    """How many of its prompt's tokens came from the prompt cache; the engine says so in prefill."""
    cache_written_tokens: int = 0
    """How many of its prompt's tokens it brought into the cache, and are kept there; the last one counts as neither."""

    def __post_init__(self) -> None:
        self.to_prefill = len(self.prompt) + len(self.output)
