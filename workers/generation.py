"""Generation: one claimed request on its way through this worker, and the messages about it."""

from collections.abc import Callable
from dataclasses import dataclass

from queue_config.events import Delta, Terminal
from queue_config.request import GenerationRequest
from workers.output import OutputText
from workers.sequence import Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """Owned by the engine thread from Submit to its end."""

    request: GenerationRequest
    sequence: Sequence
    output: OutputText

    @property
    def id(self) -> str:
        return self.request.id


@dataclass(frozen=True, slots=True)
class Submit:
    generation: Generation


@dataclass(frozen=True, slots=True)
class Cancel:
    """The client wants no more of it: end it as canceled."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It is another worker's by now, or handed back: forget it without a word."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Call this when everything sent before has been obeyed."""

    done: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave the loop after this turn."""


Command = Submit | Cancel | Drop | Tell | Stop


@dataclass(frozen=True, slots=True)
class Emission:
    """What one turn adds to a request's log; both parts are written in one atomic step."""

    job_id: str
    delta: Delta | None = None
    terminal: Terminal | None = None
