"""EngineObserver: counts what the engine thread does, and leaves an immutable view of it for others to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from queue_config.report import RowReport
from queue_config.request import GenerationRequest
from workers.engine import NOTHING_HELD, Engine, Usage
from workers.generation import Generation
from workers.sequence import Sequence, Stage

LOOK_S = 0.2
"""A view costs a microsecond a sequence, so not every turn makes one."""


class RowView(NamedTuple):
    """One sequence; named tuples are the cheapest to make, and this is made on the engine's time."""

    request: GenerationRequest
    started_at: float
    stage: Stage
    to_prefill: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """The counts only grow; what they mean is said in queue_config.report."""

    rows: tuple[RowView, ...] = ()
    usage: Usage = NOTHING_HELD
    steps: int = 0
    prefill_tokens: int = 0
    decode_tokens: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_read_tokens: int = 0


class EngineObserver:
    """Owned by the engine thread, which waits for nobody here; others read `view`, which is only ever swapped."""

    def __init__(self) -> None:
        self.view = EngineView()
        self._next_look_at = 0.0
        self._started: dict[str, float] = {}
        self._steps = self._prefill_tokens = self._decode_tokens = 0
        self._hits = self._misses = self._read_tokens = 0

    def prefilled(self, sequence: Sequence, left: int) -> None:
        """The engine has taken tokens of it, `to_prefill` still being what it was before; so many are left."""
        known = len(sequence.prompt) + len(sequence.output)
        # The engine may have found more in the cache by the time that it began.
        before = max(known - sequence.to_prefill, sequence.cache_read_tokens)
        self._prefill_tokens += max(0, known - left - before)
        if left == 0:
            self._hits += sequence.cache_read_tokens > 0
            self._misses += sequence.cache_read_tokens == 0
            self._read_tokens += sequence.cache_read_tokens

    def stepped(self, tokens: int) -> None:
        """A decode step brought so many tokens."""
        self._steps += tokens > 0
        self._decode_tokens += tokens

    def turned(self, live: Mapping[str, Generation], engine: Engine, *, now: float, at: float, is_idle: bool) -> None:
        """A turn of the loop has ended at `at`, on the clock that never goes back."""
        if at < self._next_look_at and not is_idle:
            return
        self._next_look_at = at + LOOK_S
        self._started = {job_id: self._started.get(job_id, now) for job_id in live}
        self.view = EngineView(
            rows=tuple(_row(generation, self._started[job_id]) for job_id, generation in live.items()),
            usage=engine.usage,
            steps=self._steps,
            prefill_tokens=self._prefill_tokens,
            decode_tokens=self._decode_tokens,
            cache_hits=self._hits,
            cache_misses=self._misses,
            cache_read_tokens=self._read_tokens,
        )


def _row(generation: Generation, started_at: float) -> RowView:
    sequence = generation.sequence
    return RowView(
        generation.request,
        started_at,
        sequence.stage,
        sequence.to_prefill,
        sequence.cache_read_tokens,
        len(sequence.output),
    )


def row_report(row: RowView) -> RowReport:
    """The same, spelt out."""
    request = row.request
    prompt = len(request.prompt)
    return RowReport(
        id=request.id,
        tenant=request.salt,
        lane=request.lane,
        state=row.stage.value,
        prompt_tokens=prompt,
        prefilled_tokens=max(0, min(prompt, prompt + row.output_tokens - row.to_prefill)),
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        max_tokens=request.sampling.max_tokens,
        accepted_at=request.created_at,
        started_at=row.started_at,
    )
