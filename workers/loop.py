"""EngineLoop: the one thread that touches the model. Each turn: take commands, prefill a chunk, decode a step."""

import logging
import queue
import time
from collections.abc import Callable, Iterator

from queue_config.events import Canceled, Delta, Expired, Failed, Finished, Terminal
from workers.engine import Engine, Sampled
from workers.generation import Cancel, Command, Drop, Emission, Generation, Stop, Submit
from workers.scheduler import Scheduler

IDLE_S = 0.5
"""How long an idle loop sleeps before it shows that it lives."""
DEADLINE_CHECK_S = 0.25

log = logging.getLogger(__name__)


class EngineLoop:
    """`inbox` is the only way in; `emit` (the log) and `left` (a slot is free) are the only ways out.

    `now` is Unix seconds, for deadlines.
    """

    def __init__(
        self,
        engine: Engine,
        scheduler: Scheduler,
        emit: Callable[[Emission], None],
        left: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.last_turn_at = time.monotonic()
        """Read by the heartbeat: the age of this is the evidence that the engine lives."""
        self._engine = engine
        self._scheduler = scheduler
        self._emit = emit
        self._left = left
        self._now = now
        self._live: dict[str, Generation] = {}
        self._deadlines_checked_at = 0.0

    @property
    def waiting(self) -> int:
        return self._scheduler.waiting

    @property
    def running(self) -> int:
        return self._scheduler.running

    def run(self) -> None:
        """Turn until a Stop; the calling thread becomes the engine thread."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """One round; False once told to stop."""
        for command in self._commands():
            if isinstance(command, Stop):
                return False
            self._obey(command)
        self._expire()
        self._prefill()
        for sampled in self._engine.decode() if self._scheduler.running else ():
            self._deliver(sampled)
        self.last_turn_at = time.monotonic()
        return True

    def _commands(self) -> Iterator[Command]:
        try:
            if self._scheduler.is_idle:
                yield self.inbox.get(timeout=IDLE_S)
            while True:
                yield self.inbox.get_nowait()
        except queue.Empty:
            return

    def _obey(self, command: Command) -> None:
        match command:
            case Submit(generation):
                self._submit(generation)
            case Cancel(job_id) if job_id in self._live:
                generation = self._live[job_id]
                self._end(generation, Canceled(len(generation.sequence.output)))
            case Drop(job_id) if job_id in self._live:
                self._forget(self._live[job_id])

    def _submit(self, generation: Generation) -> None:
        self._live[generation.id] = generation
        self._scheduler.add(generation.sequence)
        self._engine.add(generation.sequence)

    def _expire(self) -> None:
        now = self._now()
        if now - self._deadlines_checked_at < DEADLINE_CHECK_S:
            return
        self._deadlines_checked_at = now
        for generation in [g for g in self._live.values() if g.request.deadline_at <= now]:
            self._end(generation, Expired(len(generation.sequence.output)))

    def _prefill(self) -> None:
        for sequence, tokens in self._scheduler.to_prefill():
            try:
                left = self._engine.prefill(sequence.id, tokens)
            except Exception:
                # A prompt that can't be processed is that request's trouble and nobody else's.
                log.exception("prefill failed", extra={"job": sequence.id})
                failure = Failed("api_error", "The model could not process this prompt.")
                self._end(self._live[sequence.id], failure)
            else:
                self._scheduler.prefilled(sequence, left)
                if left == 0 and sequence.sampling.max_tokens == 0:
                    # Asked for nothing but the prompt's processing.
                    self._end(self._live[sequence.id], Finished("max_tokens", 0))

    def _deliver(self, sampled: Sampled) -> None:
        generation = self._live[sampled.sequence_id]
        if sampled.error is not None:
            log.error("a sequence failed", extra={"job": generation.id, "error": sampled.error})
            self._end(generation, Failed("api_error", "The model failed on this request."))
            return
        generation.sequence.output.append(sampled.token)
        text, finished = generation.output.push(sampled.token)
        delta = Delta((sampled.token,), text)
        if finished is None:
            self._emit(Emission(generation.id, delta))
        else:
            self._end(generation, finished, delta)

    def _end(self, generation: Generation, terminal: Terminal, delta: Delta | None = None) -> None:
        self._emit(Emission(generation.id, delta, terminal))
        self._forget(generation)

    def _forget(self, generation: Generation) -> None:
        del self._live[generation.id]
        self._engine.remove(generation.id)
        self._scheduler.remove(generation.sequence)
        self._left(generation.id)
