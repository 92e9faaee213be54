"""AnswerWatch: whoever wants to hear when answers begin, grow and end in this worker."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from queue_config.event_log import Entry
from queue_config.request import GenerationRequest
from workers.generation import Command, Submit


class Watcher(Protocol):
    """All times are Unix's, as the first one, of acceptance, was taken by another process."""

    def begun(self, request: GenerationRequest, now: float, *, is_resumed: bool) -> None:
        """The worker has it in hand; `is_resumed`: with tokens of an earlier attempt. Called by intake."""

    def written(self, entries: Sequence[Entry], now: float) -> None:
        """These are in the log. Called by the publisher."""

    def forget(self, job_id: str) -> None:
        """It is another's by now, or gone; it may be unknown."""


class AnswerWatch:
    """Tells each watcher."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def told_of(self, submit: Callable[[Command], None]) -> Callable[[Command], None]:
        """The same way to the engine, on which this hears of each generation that begins."""

        def tell(command: Command) -> None:
            if isinstance(command, Submit):
                generation = command.generation
                now, is_resumed = time.time(), bool(generation.sequence.output)
                for watcher in self._watchers:
                    watcher.begun(generation.request, now, is_resumed=is_resumed)
            submit(command)

        return tell

    def written(self, entries: Sequence[Entry]) -> None:
        now = time.time()
        for watcher in self._watchers:
            watcher.written(entries, now)

    def forget(self, job_id: str) -> None:
        for watcher in self._watchers:
            watcher.forget(job_id)


NOBODY = AnswerWatch()
