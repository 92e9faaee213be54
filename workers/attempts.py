"""Attempts: turns a started job into a generation, from its beginning or from where its log ends."""

import logging
import time
from collections.abc import Callable

from queue_config.event_log import START, Entry, EventLog, Position
from queue_config.events import Delta, Expired, Failed, Started, Terminal
from queue_config.request import GenerationRequest
from workers.constraint import Constraint
from workers.generation import Cancel, Command, Emission, Generation, Submit
from workers.output import OutputText
from workers.publisher import Publisher
from workers.sequence import Sequence

FAR_TOKENS = 32
"""More than is under way between engine and log: whoever kills at a certain token never gets so far twice."""

log = logging.getLogger(__name__)


class Attempts:
    """`ended` hears of those whose log has its end already; `new_output` makes the end of one answer that reads its
    tokens, `new_constraint` what its tokens may be."""

    def __init__(
        self,
        event_log: EventLog,
        publisher: Publisher,
        submit: Callable[[Command], None],
        ended: Callable[[str, Terminal], None],
        new_output: Callable[[GenerationRequest], OutputText],
        new_constraint: Callable[[GenerationRequest], Constraint | None],
    ) -> None:
        self._event_log = event_log
        self._publisher = publisher
        self._submit = submit
        self._ended = ended
        self._new_output = new_output
        self._new_constraint = new_constraint

    def begin(self, request: GenerationRequest, worker: str) -> bool:
        """Claim the next attempt in the request's log and send it to the engine; may be repeated where Redis failed.

        False where the engine never hears of it: it can't be begun, or its worker died when its end was logged and
        RQ's books weren't closed yet. Raises FencedOff where another worker has the request by now.
        """
        history = self._event_log.read(request.id)
        if history and isinstance(history[-1].event, Terminal):
            self._ended(request.id, history[-1].event)
            return False
        last = history[-1].position if history else START
        position = Position(last.attempt + 1, last.seq + 1)
        beginning = self._event_log.begin(request.id, position, last, worker)
        if beginning == "another's":
            raise FencedOff(request.id)
        # Nothing from here on asks Redis anything: a second attempt beside this one would be the end of both.
        started = Entry(request.id, position, Started(position.attempt, worker))
        self._publisher.open(request.id, [*history, started])
        tokens = [token for entry in history if isinstance(entry.event, Delta) for token in entry.event.tokens]
        generation = self._generation(request, tokens)
        if not isinstance(generation, Generation):
            self._publisher.emit(Emission(request.id, terminal=generation))
            return False
        self._submit(Submit(generation))
        if beginning == "canceled":
            # Told of one that comes later by a message, or else at the next beat.
            self._submit(Cancel(request.id))
        log.info("started", extra={"job": request.id, "attempt": position.attempt, "resumed_tokens": len(tokens)})
        return True

    def _generation(self, request: GenerationRequest, tokens: list[int]) -> Generation | Terminal:
        """What the engine goes on with behind these tokens; or how it ends before the engine hears of it."""
        if request.deadline_at <= time.time():
            # The engine's own look may come after its first chunk.
            return Expired(len(tokens))
        output = self._new_output(request)
        for token in tokens:
            output.push(token)  # its text is in the log already
        try:
            constraint = self._new_constraint(request)
        except ValueError as error:
            return Failed("invalid_request_error", f"The answer can't be held to its grammar: {error}")
        sequence = Sequence(
            request.id,
            request.prompt,
            request.sampling,
            tokens,
            salt=request.salt,
            boundaries=request.boundaries,
            lane=request.lane,
            constraint=constraint,
        )
        return Generation(request, sequence, output)

    def has_spoken(self, job_id: str) -> bool:
        """Whether its present attempt has got as far as tokens, or its end."""
        last = self._event_log.last(job_id)
        return last is not None and not isinstance(last.event, Started)

    def got_far(self, job_id: str) -> bool:
        """Whether its last attempt, which its worker did not survive, came to FAR_TOKENS."""
        tokens = 0
        for entry in reversed(self._event_log.read(job_id)):
            if isinstance(entry.event, Started) and entry.event.worker:
                break
            tokens += len(entry.event.tokens) if isinstance(entry.event, Delta) else 0
        return tokens >= FAR_TOKENS


class FencedOff(Exception):
    """Another worker has the request."""
