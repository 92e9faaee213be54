"""Load: a few clients of every kind that ask again as soon as they have their answer, until told to stop."""

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

from tests.chaos.clients import Clients
from tests.chaos.ledger import SUCCEEDED, Entry, Ledger
from tests.chaos.prompts import Prompt, echo
from tests.chaos.recovery import SEEN_ONLY_AT_THE_END

KINDS = ("stream", "stream", "message", "poll", "stream", "message", "wait", "seeded", "batch")
Asked = Callable[[str, int], Prompt]
"""By the kind of client and the number of the entry."""
LENGTHS = (12, 26)
"""Words of a prompt, of about six tokens each."""


class Load:
    """From `with` to its end, whereupon what is accepted is waited for."""

    def __init__(self, clients: Clients, readers: int = len(KINDS), prompt: Asked | None = None) -> None:
        self._clients = clients
        self._prompt = prompt or some_words
        self._readers = readers
        self.are_flaky = False
        """Streams are left and taken up again all the time."""
        self._is_over = False
        self._threads: list[threading.Thread] = []

    @property
    def ledger(self) -> Ledger:
        return self._clients.ledger

    def __enter__(self) -> Self:
        for number in range(self._readers):
            self._start(partial(self._keep_asking, KINDS[number % len(KINDS)]))
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def also(
        self,
        kind: str,
        prompt: Asked | None = None,
        expects: str = SUCCEEDED,
        *,
        cancel_after_s: float | None = None,
    ) -> Entry:
        """One more request beside the others."""
        entry = self.ledger.open(kind, partial(prompt or self._prompt, kind), expects)
        self._start(lambda: self._clients.run(entry, cancel_after_s=cancel_after_s))
        return entry

    def wait_until_busy(self, patience_s: float = 60.0) -> None:
        """Until all readers but those that hear nothing before the end have something to show."""
        give_up_at = time.monotonic() + patience_s
        wanted = self._readers - sum(KINDS[n % len(KINDS)] in SEEN_ONLY_AT_THE_END for n in range(self._readers))
        while sum(bool(entry.heard_at) for entry in self.ledger.open_at(time.monotonic())) < min(wanted, 4):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"the load did not get going: {self.ledger.refusals[-3:]}")
            time.sleep(0.05)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_asking(self, kind: str) -> None:
        while not self._is_over:
            self._clients.run(
                self.ledger.open(kind, partial(self._prompt, kind)), flaky=self.are_flaky and kind == "stream"
            )


def some_words(_kind: str, number: int) -> Prompt:
    return echo(number, random.Random(number).randint(*LENGTHS))
