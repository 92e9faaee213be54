"""Progress: one line for each step of something slow, and a line every few seconds while it lasts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

INTERVAL_S = 5.0


class Tick(Protocol):
    """Called with what is being done and, if that is known, how much of it is done."""

    def __call__(self, doing: str, amount: str = "") -> None: ...


class Progress:
    """Lines go to `say`, which works the same on a terminal, in a pipe and in a CI log."""

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.say = say
        self._clock = clock

    @contextmanager
    def step(self, what: str) -> Iterator[Tick]:
        """Yield a function to be called often with what is going on now; it says so when that is news."""
        started = said_at = self._clock()
        said = ""
        self.say(f"  {what} ...")

        def tick(doing: str, amount: str = "") -> None:
            nonlocal said, said_at
            now = self._clock()
            if doing != said or now - said_at >= INTERVAL_S:
                self.say(f"    {now - started:3.0f} s  {doing}{' ' if amount else ''}{amount}")
                said, said_at = doing, now

        yield tick
        self.say(f"  {what}: {self._clock() - started:.1f} s")
