"""Drafts: guesses of an answer's next tokens, and how many of them are worth checking. Pure.

A pass over several guessed tokens costs little more than one over a single token, since the weights are read once.
What the model would have drawn decides which guesses stand, so a draft changes the speed of an answer and nothing else.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Protocol

GRAM = 3
"""So many tokens have to stand in the text already for what followed them to be a guess."""
SIZES = (1, 3, 7, 15)
"""Guesses in a draft: few sizes, since GPUs prepare for each; with the token they follow, passes are powers of two."""
FIRST = 1
"""Which of these sizes comes first."""
SHORTEST_PAUSE, LONGEST_PAUSE = 16, 512
"""Tokens without a draft after one that was all wrong, doubled each time until one is right."""


class Drafter(Protocol):
    """Follows one text."""

    def push(self, token: int) -> None:
        """The text goes on with this token."""

    def draft(self, most: int) -> list[int]:
        """At most so many guesses of the next tokens, in order; none where there is no reason for any."""


class Lookup:
    """Guesses that what followed the newest tokens when they stood in the text before, follows them again.

    So it is where an answer quotes: code being edited, documents being summarised, tables, JSON.
    """

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}
        """Where the text went on behind each gram, when it last stood there."""
        self._place: int | None = None
        for token in tokens:
            self.push(token)

    def push(self, token: int) -> None:
        self._tokens.append(token)
        gram = tuple(self._tokens[-GRAM:])
        self._place = self._behind.get(gram) if len(gram) == GRAM else None
        self._behind[gram] = len(self._tokens)

    def draft(self, most: int) -> list[int]:
        if self._place is None:
            return []
        guesses = self._tokens[self._place : self._place + most]
        # A repetition that reaches into the newest tokens goes on as it began.
        while len(guesses) < most:
            guesses += guesses[: most - len(guesses)]
        return guesses


class Trust:
    """How long the next draft of one answer should be, by how the earlier ones went."""

    def __init__(self) -> None:
        self._rung = FIRST
        self._pause = SHORTEST_PAUSE
        self._left = 0

    def most(self) -> int:
        """How many guesses to check now."""
        return 0 if self._left else SIZES[self._rung]

    def passed(self) -> None:
        """A token came without a draft."""
        self._left = max(0, self._left - 1)

    def checked(self, guesses: int, right: int) -> None:
        """Of so many guesses the first `right` stood."""
        if right == 0:
            self._left = self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._rung = FIRST
            return
        self._pause = SHORTEST_PAUSE
        if right == guesses:
            self._rung = min(self._rung + 1, len(SIZES) - 1)
        else:
            self._rung = bisect_right(SIZES, right) - 1


def whole_size(guesses: int) -> int:
    """The largest size of a draft that so many guesses fill; 0 for none."""
    return max((size for size in SIZES if size <= guesses), default=0)
