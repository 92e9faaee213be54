"""DraftLength: how many tokens a draft model should guess next, so that it pays. Pure.

A guess by a draft model costs a pass of its own, unlike one that is looked up. Whether guesses pay follows from what
passes take on this device, which is measured once, and from how often the guesses of late were right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.drafting import SIZES

SHORTEST_PAUSE, LONGEST_PAUSE = 16, 1024
"""Tokens without drafts after guesses that were too often wrong; doubled each time, and halved by a draft that is all
right."""
_HOPED_FOR = 0.8
"""Of the guesses, before there have been any."""
_FIRST_WEIGHT, _LATER_WEIGHT = 2.0, 1.0
"""So many guesses count as much as the hope: at first, and again after a pause."""
_MEMORY = 0.9
"""What earlier guesses still count when the next draft has been checked."""
_LIKELY_TOKENS = 256
"""An answer is seldom longer, though it may be."""


@dataclass(frozen=True, slots=True)
class PassTimes:
    """What passes take on this device, in seconds."""

    checks: Mapping[int, float]
    """One of the model over a token and so many guesses; by size of draft, 0 for a step without guesses."""
    guess: float
    """One of the draft model over one token."""
    chunk: int
    """Tokens of a text that the draft model reads at a time: as many as take about a step, or the fewest there are."""
    chunk_s: float


class DraftLength:
    """For one pair of models, over all answers that are computed alone."""

    def __init__(self, times: PassTimes) -> None:
        self._times = times
        self._pause = SHORTEST_PAUSE
        self._left = 0
        self._tried = _FIRST_WEIGHT
        self._right = _FIRST_WEIGHT * _HOPED_FOR

    @property
    def pays(self) -> bool:
        """Whether a draft of any size is likely to make the answer come faster."""
        return self._best(SIZES[-1]) > 0

    def most(self, room: int) -> int:
        """How many guesses to ask for now, at most `room`; 0 for none."""
        return 0 if self._left else self._best(room)

    def is_worth(self, unread: int, room: int) -> bool:
        """Whether to have the draft model read so many tokens first, when the answer may get `room` more."""
        saved_s = self._times.checks[0] - 1 / self._rate(self._best(SIZES[-1]))
        return unread / self._times.chunk * self._times.chunk_s <= min(room, _LIKELY_TOKENS) * saved_s

    def passed(self) -> None:
        """A token came without a draft."""
        self._left = max(0, self._left - 1)

    def checked(self, guesses: int, right: int) -> None:
        """Of so many guesses the first `right` stood."""
        self._tried = _MEMORY * self._tried + min(right + 1, guesses)
        self._right = _MEMORY * self._right + right
        if right == guesses:
            self._pause = max(SHORTEST_PAUSE, self._pause // 2)
        if not self.pays:
            self._left, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
            self._tried, self._right = _LATER_WEIGHT, _LATER_WEIGHT * _HOPED_FOR

    def _best(self, room: int) -> int:
        return max((0, *(size for size in SIZES if size <= room)), key=self._rate)

    def _rate(self, guesses: int) -> float:
        """Tokens a second that drafts of this size may be expected to bring."""
        chance = self._right / self._tried
        tokens = sum(chance**place for place in range(guesses + 1))
        return tokens / (self._times.checks[guesses] + guesses * self._times.guess)
