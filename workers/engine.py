"""Engine: what the loop asks of a model runtime. Only the engine thread calls it."""

from dataclasses import dataclass
from typing import Protocol

from workers.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Sampled:
    """The next token of one sequence; `error` is set instead where that row alone went wrong (NaN logits)."""

    sequence_id: str
    token: int
    error: str | None = None


class Engine(Protocol):
    """A continuous batch over one model on one device.

    A sequence goes through `add`, as many `prefill` calls as its prompt needs, then takes part in every `decode`
    until `remove`. Sequences join and leave between any two calls. Not thread-safe: one thread owns it.
    """

    @property
    def device(self) -> str:
        """What it computes on, as people call it."""

    @property
    def prefill_chunk(self) -> int:
        """How many prompt tokens this device processes between two decode steps without making anybody wait long."""

    def add(self, sequence: Sequence) -> None:
        """Take a sequence in; no computing yet. Its `prompt + output` is what prefill will process."""

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        """Process at most `max_tokens` more of its tokens; return how many are left.

        At 0 the sequence has joined the batch: the next `decode` includes it.
        """

    def decode(self) -> list[Sampled]:
        """One step of the whole batch: one new token for each sequence that has joined. Empty if none has."""

    def remove(self, sequence_id: str) -> None:
        """Drop a sequence, wherever it stands; unknown ids are ignored."""
