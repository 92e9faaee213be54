"""Scheduler: which sequences wait, prefill and run. No MLX, no Redis, no threads, no clock."""

from collections import deque

from workers.sequence import Sequence, Stage


class Scheduler:
    """First come, first prefilled; each turn spends at most `prefill_chunk` prompt tokens, so decoding goes on.

    The chunk is shared: several short prompts may join in one turn, a long one takes many turns.
    """

    def __init__(self, max_batch: int, prefill_chunk: int) -> None:
        self._max_batch = max_batch
        self._prefill_chunk = prefill_chunk
        self._waiting: deque[Sequence] = deque()
        self._running: dict[str, Sequence] = {}

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def add(self, sequence: Sequence) -> None:
        self._waiting.append(sequence)

    def to_prefill(self) -> list[tuple[Sequence, int]]:
        """The sequences to work on in this turn, each with the most tokens it may take of the turn's chunk."""
        chosen: list[tuple[Sequence, int]] = []
        left, room = self._prefill_chunk, self._max_batch - len(self._running)
        for sequence in self._waiting:
            if left <= 0 or len(chosen) >= room:
                break
            wanted = min(left, sequence.to_prefill)
            chosen.append((sequence, wanted))
            left -= wanted
        return chosen

    def prefilled(self, sequence: Sequence, left: int) -> None:
        """Note that `left` of its tokens remain; at 0 it runs."""
        sequence.to_prefill = left
        sequence.stage = Stage.PREFILLING
        if left == 0:
            self._waiting.remove(sequence)
            sequence.stage = Stage.DECODING
            self._running[sequence.id] = sequence

    def remove(self, sequence: Sequence) -> None:
        """Take it out, waiting or running."""
        if self._running.pop(sequence.id, None) is None and sequence in self._waiting:
            self._waiting.remove(sequence)
