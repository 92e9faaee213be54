"""Sequences, and a scheduler whose pace stands still, for tests that turn it by hand."""

from collections.abc import Sequence as Rows

from queue_config.request import Lane, SamplingParams
from workers.engine import KVCosts, Need, Unbounded
from workers.pace import Pace
from workers.scheduler import Scheduler
from workers.sequence import Sequence


def a_sequence(name: str, tokens: int = 4, *, lane: Lane = "interactive", max_tokens: int = 4) -> Sequence:
    return Sequence(name, tuple(range(tokens)), SamplingParams(max_tokens=max_tokens), lane=lane)


class RowsByLongest:
    """Costs as in a rectangular batch, a byte a token: rows times the longest, and what prefills once more."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes

    def bytes_for(self, needs: Rows[Need]) -> int:
        return len(needs) * max(need.total for need in needs) + sum(need.prefill for need in needs)

    def bytes_alone(self, need: Need) -> int:
        return need.total + need.prefill


def a_scheduler(
    max_batch: int = 8, chunk: int = 10, costs: KVCosts | None = None, *, uncut_tokens: int = 0
) -> Scheduler:
    """Every chunk has the same size, whatever turns take and whoever decodes."""
    return Scheduler(
        max_batch,
        SteadyPace([chunk]),
        costs or Unbounded(),
        shares_passes=uncut_tokens > 0,
        uncut_tokens=uncut_tokens,
    )


class SteadyPace(Pace):
    """Never looks at an undisturbed step, and charges a sequence for no more than its tokens."""

    @property
    def least(self) -> int:
        return 1

    def chunk(self, decoding: int, waiting: int) -> int:  # noqa: ARG002
        return super().chunk(0, waiting)


def take_turn(scheduler: Scheduler) -> list[tuple[str, int]]:
    """Prefill what the scheduler wants; return it as (id, tokens)."""
    chosen = scheduler.to_prefill()
    for sequence, tokens in chosen:
        scheduler.prefilled(sequence, sequence.to_prefill - tokens)
    return [(sequence.id, tokens) for sequence, tokens in chosen]
