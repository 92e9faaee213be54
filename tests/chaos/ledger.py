"""Ledger: what was accepted and what was answered, as clients saw it; it knows nothing of Redis or the service."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.prompts import Prompt

SUCCEEDED = "succeeded"


@dataclass(slots=True)
class Entry:
    """One request; times are monotonic seconds. Only its client's thread writes it."""

    number: int
    kind: str
    prompt: Prompt
    expects: str = SUCCEEDED
    """How it has to end."""
    id: str = ""
    accepted_at: float = 0.0
    """When its id or `message_start` was seen; 0 before."""
    text: str = ""
    """What has come of the answer, every piece once unless the service repeats one."""
    heard_at: list[float] = field(default_factory=list)
    """When something new of it came."""
    ended_at: float = 0.0
    outcome: str = ""
    why: str = ""
    comebacks: int = 0
    """How often its client lost the connection, or left, and came back."""
    faults: list[str] = field(default_factory=list)
    """What the service must never do, such as a frame sent twice or a stream that ends in silence."""

    def accept(self, job_id: str) -> None:
        if not self.accepted_at:
            self.id = job_id
            self.accepted_at = time.monotonic()
        elif job_id != self.id:
            self.faults.append(f"accepted as {self.id}, then as {job_id}")

    def hear(self, offset: int, piece: str) -> None:
        """A piece of the answer, which begins at its `offset`-th character."""
        known = self.text[offset : offset + len(piece)]
        if not piece.startswith(known):
            self.faults.append(f"said {known!r} at {offset}, then {piece!r}")
        if new := piece[len(known) :]:
            self.text += new
            self.heard_at.append(time.monotonic())

    def end(self, outcome: str, why: str = "") -> None:
        self.outcome, self.why = outcome, why
        self.ended_at = time.monotonic()
        self.heard_at.append(self.ended_at)

    def was_open_at(self, moment: float) -> bool:
        """Accepted by then, and not ended."""
        return 0 < self.accepted_at <= moment and (not self.ended_at or self.ended_at > moment)

    @property
    def is_lost(self) -> bool:
        """Accepted, and never ended, or not as it should."""
        return bool(self.accepted_at) and self.outcome != self.expects


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not accepted, and knows it."""

    at: float
    status: int
    """0 where nobody answered."""
    seconds: float
    has_retry_after: bool
    why: str = ""


class Ledger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entries: list[Entry] = []
        self.refusals: list[Refusal] = []

    def open(self, kind: str, prompt: Callable[[int], Prompt], expects: str = SUCCEEDED) -> Entry:
        """A new entry; its prompt may depend on its number."""
        with self._lock:
            entry = Entry(len(self.entries), kind, prompt(len(self.entries)), expects)
            self.entries.append(entry)
            return entry

    def refuse(self, refusal: Refusal) -> None:
        with self._lock:
            self.refusals.append(refusal)

    def open_at(self, moment: float) -> list[Entry]:
        with self._lock:
            return [entry for entry in self.entries if entry.was_open_at(moment)]

    def kinds(self) -> Counter[str]:
        return Counter(entry.kind for entry in self.entries if entry.accepted_at)
