"""Publisher: writes what the engine emits to the event logs, for the whole batch at once, from its own thread.

Written inline, this lengthens a decode step by 36 %, and a frozen Redis freezes the engine; from a thread it costs
nothing.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from queue_config.connection import REDIS_AWAY
from queue_config.event_log import Entry, EventLog, LogTorn, Position
from queue_config.events import Delta, Terminal
from queue_config.pieces import joined
from workers.generation import Emission
from workers.report_answers import NOBODY, AnswerWatch

FLUSH_S = 0.02
"""At most one write in this time; tokens that come faster share an event."""
RETRY_S = 0.2
BACKLOG = 20_000
"""Emissions held while Redis is away; when full, the engine waits."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request of which there will be emissions."""

    job_id: str
    log: tuple[Entry, ...]


class Publisher:
    """`ended` hears of each request whose last event is safely logged; `fenced` of each that another worker took."""

    def __init__(
        self,
        event_log: EventLog,
        ended: Callable[[str, Terminal], None],
        fenced: Callable[[str], None],
        watch: AnswerWatch = NOBODY,
    ) -> None:
        self._event_log = event_log
        self._ended = ended
        self._fenced = fenced
        self._watch = watch
        self._outbox: queue.Queue[Emission | Opened | Callable[[], None] | None] = queue.Queue(BACKLOG)
        self._logs: dict[str, list[Entry]] = {}
        """Of the live requests: all that is in their logs or on its way there, should Redis lose any of it."""
        self.refused = 0
        """Writes that were refused because another worker had the request."""
        self._thread = threading.Thread(target=self._run, name="publisher")

    def open(self, job_id: str, log: Sequence[Entry]) -> None:
        """Say what is in the request's log, the start of this attempt last, before anything is emitted for it."""
        self._outbox.put(Opened(job_id, tuple(log)))

    def emit(self, emission: Emission) -> None:
        self._outbox.put(emission)

    def forget_all(self, done: Callable[[], None]) -> None:
        """Write, or be refused, what was emitted so far; after that nothing is left to emit anything for."""
        self._outbox.put(done)

    @property
    def is_full(self) -> bool:
        """Whoever emits now waits until Redis is back."""
        return self._outbox.full()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, then end."""
        self._outbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            items = [self._outbox.get()]
            while not self._outbox.empty():
                items.append(self._outbox.get())
            stopping = None in items
            started_at = time.monotonic()
            self._write([item for item in items if isinstance(item, Emission | Opened)])
            for item in items:
                if callable(item):
                    self._logs.clear()
                    item()
            # Nothing was written where a request was only announced, whose first token then needn't wait.
            if any(isinstance(item, Emission) for item in items):
                time.sleep(max(0.0, FLUSH_S - (time.monotonic() - started_at)))

    def _write(self, items: list[Emission | Opened]) -> None:
        entries = self._entries(items)
        if not entries:
            return
        fenced = self._append(entries)
        self.refused += len(fenced)
        refused = {entry.job_id for entry in fenced}
        for job_id in refused:
            log.warning("fenced", extra={"job": job_id})
            self._logs.pop(job_id, None)
            self._watch.forget(job_id)
            self._fenced(job_id)
        self._watch.written([entry for entry in entries if entry.job_id not in refused])
        for entry in entries:
            if isinstance(entry.event, Terminal) and entry.job_id not in refused:
                del self._logs[entry.job_id]
                self._ended(entry.job_id, entry.event)

    def _entries(self, items: list[Emission | Opened]) -> list[Entry]:
        """Number the events, after merging each request's deltas into one."""
        deltas: dict[str, list[Delta]] = {}
        terminals: dict[str, Terminal] = {}
        for item in items:
            if not isinstance(item, Emission):
                self._logs[item.job_id] = list(item.log)
                continue
            if item.delta is not None:
                deltas.setdefault(item.job_id, []).append(item.delta)
            if item.terminal is not None:
                terminals[item.job_id] = item.terminal
        entries = [self._next(job_id, _merge(parts)) for job_id, parts in deltas.items() if job_id in self._logs]
        return entries + [self._next(job_id, end) for job_id, end in terminals.items() if job_id in self._logs]

    def _next(self, job_id: str, event: Delta | Terminal) -> Entry:
        attempt, seq = self._logs[job_id][-1].position
        entry = Entry(job_id, Position(attempt, seq + 1), event)
        self._logs[job_id].append(entry)
        return entry

    def _append(self, entries: list[Entry]) -> list[Entry]:
        """Append, for as long as it takes Redis to come back; a repeated append changes nothing."""
        while True:
            try:
                return self._event_log.append(entries)
            except LogTorn as torn:
                log.warning("Redis has lost the ends of logs; they are written again", extra={"logs": len(torn.had)})
                entries = [entry for entry in entries if entry.job_id not in torn.had] + self._lost(torn.had)
            except REDIS_AWAY as error:
                log.warning("Redis does not answer; tokens wait", extra={"events": len(entries), "error": str(error)})
                time.sleep(RETRY_S)

    def _lost(self, had: Mapping[str, int]) -> list[Entry]:
        return [entry for job_id, seq in had.items() for entry in self._logs[job_id] if entry.position.seq > seq]


def _merge(deltas: list[Delta]) -> Delta:
    return Delta(
        tuple(token for delta in deltas for token in delta.tokens),
        joined(piece for delta in deltas for piece in delta.pieces),
    )
