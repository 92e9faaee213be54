"""Suspects: requests whose workers died twice begin alone, so that one that kills a third time takes nobody along.

Unless the second worker lived long enough with it: then it was no prompt that killed it, and nobody has to wait.
"""

from workers.attempts import Attempts
from workers.books import Books


class Suspects:
    """Asked by intake before each start. Who has tokens to show is a suspect no more."""

    def __init__(self, books: Books, attempts: Attempts) -> None:
        self._books = books
        self._attempts = attempts
        self._on_trial: str | None = None

    def is_on_trial(self) -> bool:
        """One runs alone, and nothing may begin beside it."""
        if self._on_trial and (not self._books.live or self._attempts.has_spoken(self._on_trial)):
            self._on_trial = None
        return self._on_trial is not None

    def may_begin(self, job_id: str) -> bool:
        """False for a suspect while there is somebody whom it could take along."""
        if not self._books.is_suspect(job_id) or self._attempts.got_far(job_id):
            return True
        if self._books.live:
            return False
        self._on_trial = job_id
        return True

    def clear(self) -> None:
        self._on_trial = None
