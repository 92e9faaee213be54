"""Attempts: how often an address has lately shown a wrong key, so that nobody guesses one that a person chose.

Keys that `pensieve keys` made can't be guessed, and are asked about first: a stranger behind the same address can't
lock their owners out.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from queue_config.errors import RateLimited

PER_MINUTE = 30
REMEMBERED = 4_096
"""Addresses; beyond that the one that has been quiet for longest is forgotten."""


class Attempts:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._debts: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By address: how many wrong keys are remembered, and since when; they fade, PER_MINUTE of them a minute."""

    def check(self, address: str) -> None:
        """Raise RateLimited where too many wrong keys came from there."""
        excess = self._faded(address) + 1 - PER_MINUTE
        if excess > 0:
            raise RateLimited("Too many wrong API keys came from this address.", math.ceil(excess * 60 / PER_MINUTE))

    def failed(self, address: str) -> None:
        """A wrong key came from there."""
        self._debts[address] = (self._faded(address) + 1, self._clock())
        self._debts.move_to_end(address)
        if len(self._debts) > REMEMBERED:
            self._debts.popitem(last=False)

    def _faded(self, address: str) -> float:
        count, at = self._debts.get(address, (0.0, 0.0))
        return max(0.0, count - (self._clock() - at) * PER_MINUTE / 60)
