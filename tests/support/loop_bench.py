"""An engine loop on the bench: turned by hand, its outputs caught, its clocks in hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from queue_config.events import Terminal
from queue_config.pieces import text_of
from queue_config.request import GenerationRequest
from tests.support.scheduling import a_scheduler
from tests.support.worker import EOS, new_output
from workers.engine import Engine
from workers.fake_engine import FakeEngine
from workers.generation import Emission, Generation, Submit
from workers.loop import EngineLoop
from workers.scheduler import Scheduler
from workers.sequence import Sequence


@dataclass
class Bench:
    """Without a scheduler of the test's own, chunks have 100 tokens and all are admitted that the batch holds."""

    engine: Engine = field(default_factory=lambda: FakeEngine(EOS))
    max_batch: int = 4
    scheduler: Scheduler | None = None
    now: float = 0.0
    clock: Callable[[], float] = time.monotonic
    emitted: list[Emission] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scheduler = self.scheduler or a_scheduler(self.max_batch, 100, self.engine.kv)
        self.loop = EngineLoop(
            self.engine, scheduler, self.emitted.append, self.left.append, lambda: self.now, self.clock
        )

    def submit(self, request: GenerationRequest, known: str = "") -> None:
        output = new_output(request)
        for c in known:
            output.push(ord(c))
        sequence = Sequence(request.id, request.prompt, request.sampling, list(map(ord, known)), lane=request.lane)
        self.loop.inbox.put(Submit(Generation(request, sequence, output)))

    def turns(self, count: int) -> None:
        for _ in range(count):
            assert self.loop.turn()

    def until_idle(self, most: int = 1000) -> None:
        """Turn until everybody has ended."""
        for _ in range(most):
            self.turns(1)
            if not self.loop.waiting and not self.loop.running:
                return
        raise AssertionError(f"not idle after {most} turns")

    def text(self, job_id: str) -> str:
        return "".join(text_of(e.delta.pieces) for e in self.emitted if e.delta and e.job_id == job_id)

    @property
    def ends(self) -> dict[str, Terminal]:
        return {e.job_id: e.terminal for e in self.emitted if e.terminal}
