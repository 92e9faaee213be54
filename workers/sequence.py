"""Sequence: one generation in progress, as the scheduler and the engine see it."""

from dataclasses import dataclass, field
from enum import Enum

from queue_config.request import SamplingParams


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
    stage: Stage = Stage.WAITING
    to_prefill: int = field(init=False)
    """How many of its tokens the engine has not processed yet."""

    def __post_init__(self) -> None:
        self.to_prefill = len(self.prompt) + len(self.output)
