"""EngineLoop: the one thread that touches the model. Each turn: take commands, choose chunks, decode a step."""

import logging
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from queue_config.events import Canceled, Delta, Expired, Failed, Finished, Terminal
from workers.engine import Engine, Sampled
from workers.generation import Cancel, Command, Drop, Emission, Generation, Stop, Submit, Tell
from workers.isolation import Isolation
from workers.report_engine import EngineObserver
from workers.scheduler import Scheduler
from workers.sequence import Sequence

IDLE_S = 0.5
"""How long an idle loop sleeps before it shows that it lives."""
DEADLINE_CHECK_S = 0.25

STEP_FAILED = "a step failed; its rows leave and come back one at a time"
TOO_LARGE = (
    "This request needs more memory than the model's server has, even with nothing beside it: "
    "send a shorter prompt or ask for a smaller max_tokens."
)

log = logging.getLogger(__name__)


class EngineLoop:
    """`inbox` is the only way in; `emit` (the log) and `left` (a slot is free) are the only ways out.

    `now` is Unix seconds, for deadlines; `clock` is any seconds that never go back, for durations.
    """

    def __init__(
        self,
        engine: Engine,
        scheduler: Scheduler,
        emit: Callable[[Emission], None],
        left: Callable[[str], None],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.last_turn_at = time.monotonic()
        """Read by the heartbeat: the age of this is the evidence that the engine lives."""
        self.observer = EngineObserver()
        self._engine = engine
        self._scheduler = scheduler
        self._emit = emit
        self._left = left
        self._now = now
        self._clock = clock
        self._isolation = Isolation()
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
        self._engine.close()

    def turn(self) -> bool:
        """One round; False once told to stop."""
        for command in self._commands():
            if isinstance(command, Stop):
                return False
            self._obey(command)
        self._expire()
        began_at = self._clock()
        taken = self._prefill()
        if taken is not None:
            self._decode(taken)
        ended_at = self._clock()
        # What others' prompts may take is measured by a step, not by what goes beside a lone one.
        self._scheduler.turned(ended_at - began_at - self._engine.aside_s)
        self.observer.turned(self._live, self._engine, now=self._now(), at=ended_at, is_idle=self._scheduler.is_idle)
        self.last_turn_at = time.monotonic()
        return True

    def _commands(self) -> Iterator[Command]:
        try:
            if self._scheduler.is_idle:
                yield self.inbox.get(timeout=0 if self._engine.tidy() else IDLE_S)
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
            case Tell(done):
                done()

    def _submit(self, generation: Generation) -> None:
        self._live[generation.id] = generation
        sequence = generation.sequence
        if not self._scheduler.fits_alone(sequence):
            self._end(generation, Failed("invalid_request_error", TOO_LARGE))
            return
        self._scheduler.add(sequence)
        try:
            sequence.to_prefill -= self._engine.add(sequence)
        except Exception:
            log.exception("a prompt was refused", extra={"job": sequence.id})
            self._prompt_failed(sequence)

    def _expire(self) -> None:
        now = self._now()
        if now - self._deadlines_checked_at < DEADLINE_CHECK_S:
            return
        self._deadlines_checked_at = now
        for generation in [g for g in self._live.values() if g.request.deadline_at <= now]:
            self._end(generation, Expired(len(generation.sequence.output)))

    def _prefill(self) -> list[Sequence] | None:
        """Let the engine have this turn's chunks; return whose it has, None where that came to nothing."""
        taken: list[Sequence] = []
        for sequence, tokens in self._scheduler.to_prefill(only=self._isolation.next):
            try:
                left = self._engine.prefill(sequence.id, tokens)
            except Exception:
                if self._engine.shares_passes:
                    # It may be another one's chunk, which is in the same pass.
                    log.exception(STEP_FAILED, extra={"rows": len(taken) + 1})
                    self._step_failed([*taken, sequence])
                    return None
                log.exception("prefill failed", extra={"job": sequence.id})
                self._prompt_failed(sequence)
            else:
                # Several prompts in a turn may take longer together than anybody waits for a sign of life.
                self.last_turn_at = time.monotonic()
                self.observer.prefilled(sequence, left)
                self._scheduler.prefilled(sequence, left)
                taken.append(sequence)
        return taken

    def _prompt_failed(self, sequence: Sequence) -> None:
        """A prompt that can't be processed is that request's trouble and nobody else's."""
        self._end(self._live[sequence.id], Failed("api_error", "The model could not process this prompt."))

    def _decode(self, taken: list[Sequence]) -> None:
        rows = self._scheduler.running_ids
        if not rows and not taken:
            return
        try:
            step = self._engine.decode()
        except Exception:
            log.exception(STEP_FAILED, extra={"rows": len(rows)})
            self._step_failed(taken)
            return
        self.observer.stepped(len(step))
        self._end_empty(taken)
        for sampled in step:
            self._deliver(sampled)
        self._end_guilty(self._isolation.stepped(rows))

    def _step_failed(self, taken: list[Sequence]) -> None:
        """All who were in it leave and come back one at a time, but for those who are guilty by now."""
        everybody = list(dict.fromkeys([*self._scheduler.running_ids, *(sequence.id for sequence in taken)]))
        # Where no row is to blame, this raises: the process ends and is started again.
        guilty = self._isolation.raised(everybody)
        self._put_back(taken)
        self._end_guilty(guilty)

    def _end_guilty(self, guilty: list[str]) -> None:
        for sequence_id in guilty:
            self._row_failed(self._live[sequence_id], "steps with it in the batch raise")

    def _end_empty(self, taken: list[Sequence]) -> None:
        """End those who asked for nothing but their prompt's processing."""
        for sequence in taken:
            if sequence.to_prefill == 0 and sequence.sampling.max_tokens == 0 and sequence.id in self._live:
                self._end(self._live[sequence.id], _with_usage(Finished("max_tokens", 0), sequence))

    def _put_back(self, taken: list[Sequence]) -> None:
        for sequence in self._scheduler.put_back(taken):
            self._engine.remove(sequence.id, keep=False)
            sequence.to_prefill -= self._engine.add(sequence)

    def _row_failed(self, generation: Generation, why: str) -> None:
        log.error("a sequence failed", extra={"job": generation.id, "error": why})
        self._end(generation, Failed("api_error", "The model failed on this request."))

    def _deliver(self, sampled: Sampled) -> None:
        generation = self._live.get(sampled.sequence_id)
        if generation is None:
            return  # it wanted no tokens, or what was guessed right went on behind its answer's end
        if sampled.error is not None:
            self._row_failed(generation, sampled.error)
            return
        generation.sequence.output.append(sampled.token)
        pieces, finished = generation.output.push(sampled.token)
        delta = Delta((sampled.token,), pieces)
        if finished is None:
            self._emit(Emission(generation.id, delta))
        else:
            self._end(generation, _with_usage(finished, generation.sequence), delta)

    def _end(self, generation: Generation, terminal: Terminal, delta: Delta | None = None) -> None:
        self._emit(Emission(generation.id, delta, terminal))
        self._forget(generation, keep=not isinstance(terminal, Failed))

    def _forget(self, generation: Generation, *, keep: bool = True) -> None:
        del self._live[generation.id]
        self._engine.remove(generation.id, keep=keep)
        self._scheduler.remove(generation.sequence)
        self._isolation.left(generation.id)
        self._left(generation.id)


def _with_usage(finished: Finished, sequence: Sequence) -> Finished:
    return replace(
        finished,
        cache_read_tokens=sequence.cache_read_tokens,
        cache_written_tokens=sequence.cache_written_tokens,
    )
