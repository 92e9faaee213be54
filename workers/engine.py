"""Engine: what the loop asks of a model runtime. Only the engine thread calls it."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Protocol

from workers.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Sampled:
    """The next token of one sequence; `error` is set instead where that row alone went wrong (NaN logits)."""

    sequence_id: str
    token: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a sequence may come to hold, in tokens."""

    total: int
    """Its prompt and the longest answer it may get."""
    prefill: int
    """Until it joins the batch, the tokens that it brings; they are held in a cache of its own. Then 0."""


class KVCosts(Protocol):
    """What sequences cost in bytes of the device's memory: forecast, so that what is admitted never runs it out."""

    @property
    def budget_bytes(self) -> int:
        """What all sequences together may take, scratch included; 0 is no bound."""

    def bytes_for(self, needs: Rows[Need]) -> int:
        """The most that exactly these sequences may come to take, given how the engine's buffers lie now."""

    def bytes_alone(self, need: Need) -> int:
        """The most that one sequence may come to take in an empty engine."""


class Unbounded:
    """For engines that hold nothing worth counting."""

    budget_bytes = 0

    def bytes_for(self, needs: Rows[Need]) -> int:  # noqa: ARG002
        return 0

    def bytes_alone(self, need: Need) -> int:  # noqa: ARG002
        return 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What the engine holds just now, in bytes; 0 where it doesn't know."""

    weights_bytes: int = 0
    device_bytes: int = 0
    """All that the runtime has allocated."""
    kv_bytes: int = 0
    """Of the sequences that decode or prefill."""
    cache_bytes: int = 0
    """Of the prompt cache."""
    cache_limit_bytes: int = 0


NOTHING_HELD = Usage()


class Engine(Protocol):
    """A continuous batch over one model on one device.

    A sequence goes through `add`, as many `prefill` calls as its prompt needs, then takes part in every `decode`
    until `remove`. Sequences join and leave between any two calls. Not thread-safe: one thread owns it.

    A call that raises leaves the sequences in it in no state to go on: they are to be removed, and may come again.
    """

    @property
    def device(self) -> str:
        """What it computes on, as people call it."""

    @property
    def prefill_chunk(self) -> int:
        """How many prompt tokens this device processes at once when nobody decodes."""

    @property
    def chunk_sizes(self) -> Rows[int]:
        """The chunks that suit the device, ascending, up to `prefill_chunk`; others are no less exact."""

    @property
    def shares_passes(self) -> bool:
        """Whether what `prefill` takes is processed by the next `decode`, in one pass over the weights with its step
        and with other prompts' chunks. If not, each `prefill` takes a pass of its own, at once."""

    @property
    def uncut_tokens(self) -> int:
        """Prompts of up to so many tokens are processed in much less time whole than in two chunks; 0 where none is."""

    @property
    def kv(self) -> KVCosts:
        """What sequences cost."""

    @property
    def usage(self) -> Usage:
        """What it holds; asked some times a second."""

    @property
    def aside_s(self) -> float:
        """Seconds of the last `decode` that a step which guesses nothing would not have taken."""

    def add(self, sequence: Sequence) -> int:
        """Take a sequence in; no computing yet. Its `prompt + output` is what prefill will process.

        Returns how many of these tokens need no processing, by what earlier ones left; more may be found by the time
        that prefill begins.
        """

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        """Process at most `max_tokens` more of its tokens; return how many are left, which may be as many as before
        where what is known of them is still on its way.

        At 0 the sequence has joined the batch: the next `decode` brings its first token. Where passes are shared, the
        tokens are processed by that, or before, if more come than fit one pass.
        """

    def decode(self) -> list[Sampled]:
        """One step of the whole batch: a new token for each sequence that has joined. Empty if none has.

        Where passes are shared, the call after a sequence's first token may bring none for it.

        A sequence that runs alone may get several, in order; those behind the end of its answer mean nothing.
        """

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        """Drop a sequence, wherever it stands; unknown ids are ignored.

        `keep`: what was computed of it may serve later ones. False where anything went wrong with it.
        """

    def tidy(self) -> bool:
        """Nothing runs: do some work that could wait until now, for some milliseconds. True if there is more of it."""

    def close(self) -> None:
        """The process is about to end; called last, and takes some seconds at most."""
