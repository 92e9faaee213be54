"""OutputText: tokens in, text that is certain out; knows when the answer has ended. Pure."""

from typing import Protocol

from queue_config.events import Finished, StopReason
from queue_config.request import SamplingParams


class TokenDecoder(Protocol):
    """Streaming detokeniser of one answer; `step` gives "" while a character is incomplete."""

    def step(self, token_id: int) -> str: ...
    def flush(self) -> str: ...


class OutputText:
    """One answer's text. Feed it every token in order; after it has returned a Finished, none.

    Replaying the same tokens gives the same pieces, which is how a resumed request finds its place.
    """

    def __init__(self, decoder: TokenDecoder, eos_ids: frozenset[int], sampling: SamplingParams) -> None:
        self._decoder = decoder
        self._eos_ids = eos_ids
        self._sampling = sampling
        self._held = ""
        """Text that is decoded but may yet turn out to begin a stop sequence."""
        self._count = 0

    def push(self, token: int) -> tuple[str, Finished | None]:
        """Return the text that became certain, and how the answer ended if it did."""
        self._count += 1
        if token in self._eos_ids:
            return self._end("end_turn")
        self._held += self._decoder.step(token)
        stopped = self._cut_at_stop()
        if stopped:
            return stopped
        if self._count >= self._sampling.max_tokens:
            return self._end("max_tokens")
        return self._release(), None

    def _end(self, reason: StopReason) -> tuple[str, Finished]:
        self._held += self._decoder.flush()
        return self._cut_at_stop() or (self._held, Finished(reason, self._count))

    def _cut_at_stop(self) -> tuple[str, Finished] | None:
        """Find the stop sequence that begins first."""
        found = [(at, stop) for stop in self._sampling.stop if (at := self._held.find(stop)) >= 0]
        if not found:
            return None
        at, stop = min(found, key=lambda hit: hit[0])
        return self._held[:at], Finished("stop_sequence", self._count, stop)

    def _release(self) -> str:
        """Let go of all text but the longest tail that a stop sequence could begin with."""
        longest = max((len(stop) for stop in self._sampling.stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            tail = self._held[-size:]
            if any(stop.startswith(tail) for stop in self._sampling.stop):
                certain, self._held = self._held[:-size], tail
                return certain
        certain, self._held = self._held, ""
        return certain
