"""Scheduler: which sequences wait, prefill and run. No MLX, no Redis, no threads, no clock.

Memory. A sequence is admitted when the engine's forecast for it and all others stays within the budget, else it waits,
and everybody behind it waits too, so that a large one is not overtaken for ever. What fits an empty engine always gets
in; what doesn't is refused when it comes.

Order. Interactive before background before batch, both to be admitted and, once admitted, to be prefilled; among equals
the first come is admitted first, and the least left is prefilled first, so that a short prompt doesn't wait for a long
one. Every fourth choice of either kind goes to whoever has waited longest, so that nobody starves.

Pace. Each turn is a chunk of prefill and one decode step. While others decode, the chunk is as large as keeps the turn
within 2.1 times an undisturbed step, and larger only where more than half as many prompts wait (see workers.pace);
otherwise it's the device's full chunk. A chunk is given to one sequence; what that one leaves of it goes to the next,
if the engine takes both in one pass, or the next can do something sensible with it. A prompt that the engine had rather
have whole isn't cut for what a chunk has left: it comes whole now, if the chunk grows little by that, or later.
"""

from collections.abc import Iterable
from typing import Self

from queue_config.request import LANES
from workers.engine import Engine, KVCosts, Need
from workers.pace import Pace
from workers.sequence import Sequence, Stage

OLDEST_EVERY = 4
"""One choice in so many is by age alone."""
GROWTH = 1 / 3
"""By so much of itself a chunk may grow lest a prompt be cut."""


class Scheduler:
    """`costs` are asked before each admission; none of the methods takes longer than its list of sequences is long."""

    def __init__(
        self, max_batch: int, pace: Pace, costs: KVCosts, *, shares_passes: bool = False, uncut_tokens: int = 0
    ) -> None:
        """`shares_passes` and `uncut_tokens` as engines say."""
        self._max_batch = max_batch
        self._uncut = uncut_tokens
        self._least = 1 if shares_passes else pace.least
        """Fewer tokens of a prompt count as this many, as they take as long."""
        self._shares_passes = shares_passes
        self._pace = pace
        self._costs = costs
        self._waiting: list[Sequence] = []
        """In the order they came, as are those that prefill in the order of their admission."""
        self._prefilling: list[Sequence] = []
        self._running: dict[str, Sequence] = {}
        self._admissions = 0
        self._chunks = 0
        self._decoding = self._prefilled = 0
        """In this turn: rows that ran when it began, and tokens prefilled."""
        self._shows_pace = True
        """False in a turn in which a prompt got no further, since its keys and values are still fetched from disk."""

    @classmethod
    def of(cls, engine: Engine, max_batch: int, pace: Pace) -> Self:
        """As suits the engine."""
        return cls(max_batch, pace, engine.kv, shares_passes=engine.shares_passes, uncut_tokens=engine.uncut_tokens)

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._prefilling and not self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._prefilling)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def running_ids(self) -> list[str]:
        return list(self._running)

    def fits_alone(self, sequence: Sequence) -> bool:
        """Whether it can ever be admitted."""
        return not self._costs.budget_bytes or self._costs.bytes_alone(_need(sequence)) <= self._costs.budget_bytes

    def add(self, sequence: Sequence) -> None:
        """Let it wait; one that doesn't fit alone would wait for ever, and everybody else with it."""
        self._waiting.append(sequence)

    def to_prefill(self, only: str | None = None) -> list[tuple[Sequence, int]]:
        """The sequences to work on in this turn, each with the most tokens it may take. Called once a turn.

        `only` narrows the choice to one that is admitted already.
        """
        self._admit()
        self._decoding, self._shows_pace = len(self._running), True
        candidates = [s for s in self._prefilling if only is None or s.id == only]
        chunk = self._pace.chunk(self._decoding, len(candidates)) if candidates else 0
        chosen = self._shares(self._by_preference(candidates), chunk) if chunk else []
        self._prefilled = sum(max(tokens, self._least) for _, tokens in chosen)
        return chosen

    def prefilled(self, sequence: Sequence, left: int) -> None:
        """Note that `left` of its tokens remain, perhaps as many as before; at 0 it runs."""
        self._shows_pace = self._shows_pace and left < sequence.to_prefill
        sequence.to_prefill = left
        if left == 0:
            self._prefilling.remove(sequence)
            sequence.stage = Stage.DECODING
            self._running[sequence.id] = sequence

    def turned(self, seconds: float) -> None:
        """The turn that the last `to_prefill` began took so long."""
        if self._shows_pace:
            self._pace.turned(seconds, self._decoding, self._prefilled)

    def put_back(self, others: Iterable[Sequence] = ()) -> list[Sequence]:
        """Let all that run, and the others, prefill again from their prompt and output; they stay admitted, ahead of
        whoever else prefills."""
        back = list(self._running.values())
        back += [sequence for sequence in others if sequence in self._prefilling]
        self._prefilling = [sequence for sequence in self._prefilling if sequence not in back]
        self._running.clear()
        for sequence in back:
            sequence.stage = Stage.PREFILLING
            sequence.to_prefill = len(sequence.prompt) + len(sequence.output)
        self._prefilling = back + self._prefilling
        return back

    def remove(self, sequence: Sequence) -> None:
        """Take it out, wherever it stands."""
        self._running.pop(sequence.id, None)
        for queue in (self._waiting, self._prefilling):
            if sequence in queue:
                queue.remove(sequence)

    def _admit(self) -> None:
        while self._waiting and len(self._prefilling) + len(self._running) < self._max_batch:
            sequence = self._waiting[0] if self._is_by_age(self._admissions) else min(self._waiting, key=_rank)
            if not self._fits(sequence):
                return
            self._admissions += 1
            self._waiting.remove(sequence)
            sequence.stage = Stage.PREFILLING
            self._prefilling.append(sequence)

    def _fits(self, sequence: Sequence) -> bool:
        budget_bytes = self._costs.budget_bytes
        if not budget_bytes:
            return True
        needs = [_need(other) for other in (*self._running.values(), *self._prefilling, sequence)]
        if len(needs) == 1:
            return self._costs.bytes_alone(needs[0]) <= budget_bytes
        return self._costs.bytes_for(needs) <= budget_bytes

    def _by_preference(self, candidates: list[Sequence]) -> list[Sequence]:
        if len(candidates) > 1:
            self._chunks += 1
        ordered = sorted(candidates, key=lambda sequence: (_rank(sequence), sequence.to_prefill))
        if self._is_by_age(self._chunks) and candidates:
            ordered.remove(candidates[0])
            ordered.insert(0, candidates[0])
        return ordered

    def _shares(self, ordered: list[Sequence], chunk: int) -> list[tuple[Sequence, int]]:
        chosen: list[tuple[Sequence, int]] = []
        left = chunk
        for sequence in ordered:
            if left <= 0:
                break
            wanted, whole = min(left, sequence.to_prefill), sequence.to_prefill
            if left < whole <= self._uncut:
                if whole - left <= chunk * GROWTH:
                    wanted = whole
                elif chosen:
                    continue
            # The rest of a chunk isn't worth a pass over the weights, unless it brings a prompt to its end.
            elif chosen and wanted < whole and left < chunk / 2 and not self._shares_passes:
                continue
            chosen.append((sequence, wanted))
            left -= max(wanted, self._least)
        return chosen

    def _is_by_age(self, choices: int) -> bool:
        return choices % OLDEST_EVERY == OLDEST_EVERY - 1


def _rank(sequence: Sequence) -> int:
    return LANES.index(sequence.lane)


def _need(sequence: Sequence) -> Need:
    """A resumed one's output is a part of the answer that it may get."""
    brought = len(sequence.prompt) + len(sequence.output)
    total = len(sequence.prompt) + max(sequence.sampling.max_tokens, len(sequence.output))
    return Need(total, 0 if sequence.stage is Stage.DECODING else brought)
