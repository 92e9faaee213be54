"""StreamHub: one Redis subscription per process feeds every open stream, gap-free and in order.

Pub/sub is only the fast path: it drops messages in silence. A reader that sees a gap in the numbers, hears of a
reconnection, falls behind, or has heard nothing for a while reads the request's log, which is the truth.
"""

import itertools
import threading
import time
from collections.abc import Iterator

from api.log_reader import LogReader
from api.mailbox import Live, Mailbox
from queue_config import events, keys
from queue_config.event_log import START, Entry, EventLog, Position, parse_frame
from queue_config.events import TERMINAL
from queue_config.subscription import Subscription

TICK_S = 0.5
TURNS = 10
"""Readers are woken in so many groups, one after the other: thousands that look at their clients all at once would
hold up everybody else."""
SILENCE_S = 2.0
"""After this long without an event a reader looks at the log: the last event may be the one that got lost."""
LONGEST_SILENCE_S = 16.0
"""Each look that finds nothing doubles the time to the next one, up to this: thousands of requests may be waiting."""


class StreamHub:
    """Starts its threads with the first stream, so that they belong to the process that serves it."""

    def __init__(self, log: EventLog, redis_url: str) -> None:
        self._log = LogReader(log)
        self._subscription = Subscription(redis_url, keys.LIVE, self._on_frame, self._on_gap)
        self._mailboxes: dict[str, tuple[Mailbox, ...]] = {}
        self._turns: tuple[set[Mailbox], ...] = tuple(set() for _ in range(TURNS))
        self._lock = threading.Lock()
        self._started = False
        self._closed = threading.Event()

    def follow(self, job_id: str, after: Position = START) -> Iterator[Entry | None]:
        """Yield the request's log from behind `after` to its terminal event, as it grows.

        Yields None about every TICK_S while nothing comes, so that the caller can look at the clock and its client.
        Survives any outage of Redis; it is the caller who gives up.
        """
        mailbox = self._open(job_id)
        reader = _Reader(self._log, job_id, after, mailbox)
        try:
            # The mailbox stands before the first look at the log: nothing falls between them.
            found = reader.read_log()
            while True:
                for entry in found:
                    yield entry
                    if isinstance(entry.event, TERMINAL):
                        return
                found = reader.wait()
                if not found:
                    yield None
        finally:
            self._shut(job_id, mailbox)

    def close(self) -> None:
        """Stop the threads; streams still open hear nothing more."""
        self._closed.set()
        if self._started:
            self._subscription.close()

    def _open(self, job_id: str) -> Mailbox:
        mailbox = Mailbox()
        with self._lock:
            self._mailboxes[job_id] = (*self._mailboxes.get(job_id, ()), mailbox)
            min(self._turns, key=len).add(mailbox)
            if not self._started:
                self._started = True
                self._subscription.start()
                # One ticker for all: a timeout on every get costs 40 % more under gevent.
                threading.Thread(target=self._tick, name="stream ticker", daemon=True).start()
        return mailbox

    def _shut(self, job_id: str, mailbox: Mailbox) -> None:
        with self._lock:
            others = tuple(box for box in self._mailboxes[job_id] if box is not mailbox)
            if others:
                self._mailboxes[job_id] = others
            else:
                del self._mailboxes[job_id]
            for turn in self._turns:
                turn.discard(mailbox)

    def _on_frame(self, frame: bytes) -> None:
        for job_id, position, payload in parse_frame(frame):
            for mailbox in self._mailboxes.get(job_id, ()):
                mailbox.put(Live(position, payload))

    def _on_gap(self) -> None:
        for mailbox in self._all():
            mailbox.lose()

    def _tick(self) -> None:
        for turn in itertools.cycle(self._turns):
            if self._closed.wait(TICK_S / TURNS):
                return
            with self._lock:
                woken = tuple(turn)
            for mailbox in woken:
                mailbox.tick()

    def _all(self) -> list[Mailbox]:
        with self._lock:
            return [mailbox for mailboxes in self._mailboxes.values() for mailbox in mailboxes]


class _Reader:
    """Where one stream stands in one log."""

    def __init__(self, log: LogReader, job_id: str, at: Position, mailbox: Mailbox) -> None:
        self._log = log
        self._job_id = job_id
        self._at = at
        self._mailbox = mailbox
        self._heard_at = time.monotonic()
        self._silence_s = SILENCE_S

    def wait(self) -> list[Entry]:
        """The next entries; none where a tick has passed without any."""
        while True:
            news = self._mailbox.get()
            if news == "lost":
                self._silence_s = SILENCE_S
                return self.read_log()
            if news == "quiet":
                return self._look() if time.monotonic() - self._heard_at >= self._silence_s else []
            if self._is_old(news.position):
                continue
            if news.position.seq != self._at.seq + 1:
                return self.read_log()
            self._silence_s = SILENCE_S
            self._move_to(news.position)
            return [Entry(self._job_id, news.position, events.load(news.payload))]

    def read_log(self) -> list[Entry]:
        found = self._log.read(self._job_id, self._at)
        if found is None:
            # Try again at the next tick, not now: the stream's owner must get to look at its client.
            self._heard_at = -LONGEST_SILENCE_S
            return []
        self._move_to(found[-1].position if found else self._at)
        return found

    def _look(self) -> list[Entry]:
        found = self.read_log()
        self._silence_s = SILENCE_S if found else min(2 * self._silence_s, LONGEST_SILENCE_S)
        return found

    def _is_old(self, position: Position) -> bool:
        return position.seq <= self._at.seq or position.attempt < self._at.attempt

    def _move_to(self, position: Position) -> None:
        self._at = position
        self._heard_at = time.monotonic()
