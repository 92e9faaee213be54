"""Pace: how many prompt tokens the next turn may take, learned from how long turns took. No clock in it."""

from collections import deque
from collections.abc import Sequence as Sizes
from statistics import median

PATIENCE = 0.9
"""A chunk of prefill may take so many times as long as the undisturbed step that it is added to. 2.5 for the two
together is the promise to those who decode, 99 times in a hundred; what lies between is for turns that are slower than
others."""
HOPELESS = 1.25
"""Where even the smallest chunk takes so many times as long as it may, larger ones are tried: see Pace."""
DEAREST = 3.0
"""Of the smallest chunk's time, what a larger one may take there at most."""
UNSEEN_S = 0.1
"""Whoever reads along hardly sees gaps as short as this; on devices whose smallest chunks take longer none grows."""
WAITING_COUNTS = 2
CALM_TURN_S = 1.0
"""The longest turn while nobody decodes: cancels are seen, and proof of life is given, between turns."""
LOOK_EVERY = 32
"""So many turns with prefill, then one without, to see what an undisturbed step takes by now; where even
smallest chunks take long, one of those follows."""
_STEPS_SEEN = 9
"""So many that those of one prompt's turns, few and disturbed in other ways, don't outweigh what was seen before."""
_SLACK = 0.05
"""A chunk may miss its time by so much before its size is changed."""
_MORE_ROOM = 1.15
_WORTH_A_TRY = 1.1
"""What the smallest chunk may take where it is hopeless, so that the next larger one is tried."""


class Pace:
    """A turn's prefill is bounded by time: among others by their step, alone by CALM_TURN_S.

    Where many prompts wait, each counts as much as WAITING_COUNTS who decode, since it has nothing yet: the time grows
    by that ratio, so that a batch fills up quickly.

    On a fast device the smallest chunk may take several steps' time, most of which isn't its tokens': the promise can't
    be kept there, and many small chunks would only break it more often. Then a chunk grows for as long as further
    tokens take less than half of what as many took in the smallest one, and nobody sees it.
    """

    def __init__(self, sizes: Sizes[int]) -> None:
        """`sizes` are the chunks that suit the device, ascending; the first one is used however long it takes."""
        self._steps: deque[float] = deque(maxlen=_STEPS_SEEN)
        """Seconds that undisturbed ones took, with `rows` rows."""
        self._rows = 0
        self._smallest: deque[float] = deque(maxlen=_STEPS_SEEN)
        """Seconds that smallest chunks took beside a step."""
        self._looks_at_smallest = False
        self._turns_since_look = 0
        self._weight = 1.0
        """Of the turn under way: by how much its prefill may take longer."""
        self._offered = 0
        self._among_others = Chunk(sizes, sizes[0])
        self._alone = Chunk(sizes, sizes[-1])
        self._least = sizes[0]

    @property
    def least(self) -> int:
        """The smallest chunk. Fewer tokens take hardly less time, so they count as this many."""
        return self._least

    def chunk(self, decoding: int, waiting: int) -> int:
        """Tokens for a turn in which so many rows decode and so many prompts wait for prefill, or are in it.

        0 where the turn is to show what decoding alone takes.
        """
        self._offered = self._affordable(decoding, waiting)
        return self._offered

    def turned(self, seconds: float, decoding: int, prefilled: int) -> None:
        """A turn took so long in which so many rows decoded from its start, and so many tokens were prefilled."""
        if prefilled == 0:
            if decoding > 0:
                self._steps.append(seconds)
                self._rows = decoding
                self._turns_since_look = 0
            return
        self._turns_since_look += 1
        is_look, self._looks_at_smallest = self._looks_at_smallest, False
        # A prompt much shorter than the chunk says what a pass over the weights takes, and little about its tokens.
        if 4 * prefilled < 3 * self._offered:
            return
        if decoding == 0:
            self._alone.took(seconds, CALM_TURN_S)
        elif self._steps:
            step_s = median(self._steps)
            if self._offered == self._least:
                self._smallest.append(seconds - step_s)
            if not is_look:
                self._among_others.took(seconds - step_s, self._limit_s(step_s))

    @property
    def _is_hopeless(self) -> bool:
        """Even smallest chunks break the promise, quick as they are; `_steps` must not be empty."""
        if not self._smallest:
            return False
        return HOPELESS * PATIENCE * median(self._steps) < median(self._smallest) < UNSEEN_S

    def _limit_s(self, step_s: float) -> float:
        """What the chunk just taken might take beside such a step."""
        fair_s = self._weight * PATIENCE * step_s
        if not self._is_hopeless:
            return fair_s
        times = 1 + (self._offered / self._least - 1) / 2
        worth_s = median(self._smallest) * min(max(times, _WORTH_A_TRY), DEAREST)
        return max(fair_s, min(worth_s, UNSEEN_S))

    def _affordable(self, decoding: int, waiting: int) -> int:
        if decoding == 0:
            return self._alone.size()
        # A step's time is another one once there are twice as many rows, or half as many.
        if not self._rows / 2 < decoding < self._rows * 2:
            self._steps.clear()
        if not self._steps:
            return 0
        if self._turns_since_look >= LOOK_EVERY:
            self._looks_at_smallest = self._is_hopeless
            return 0
        self._weight = max(1.0, WAITING_COUNTS * waiting / decoding)
        return self._least if self._looks_at_smallest else self._among_others.size(self._weight)


class Chunk:
    """A size that follows a time limit. A pass takes a good deal of time however few its tokens are, so time isn't
    taken to be in proportion: small misses are let be, and a size is tried before it is judged.

    Only two turns in a row that say the same change it: one in which the machine was busy elsewhere means nothing.
    """

    def __init__(self, sizes: Sizes[int], start: int) -> None:
        self._sizes = tuple(sizes)
        self._wanted = float(start)
        self._room_before: float | None = None
        self._too_large = float("inf")
        """A size that was tried and took too long; not tried again before the one below has more room than then."""
        self._room_below: float | None = None

    def size(self, weight: float = 1.0) -> int:
        return max((size for size in self._sizes if size <= self._wanted * weight), default=self._sizes[0])

    def took(self, seconds: float, limit_s: float) -> None:
        """The last size took so long where it should have taken `limit_s`."""
        room = limit_s / max(seconds, 1e-9)
        before, self._room_before = self._room_before, room
        if before is None:
            return
        if max(room, before) < 1 - _SLACK:
            self._too_large, self._room_below = self._wanted, None
            below = max((size for size in self._sizes if size < self._wanted), default=self._sizes[0])
            self._move(min(below, self._wanted * max(0.5, room, before)))
            return
        least = min(room, before)
        if self._room_below is None:
            self._room_below = least
        elif least > self._room_below * _MORE_ROOM:
            self._too_large = float("inf")
        above = min((size for size in self._sizes if size > self._wanted), default=self._sizes[-1])
        # Time grows by no more than tokens do: where even that fits, what a size took once was something else's.
        if least > (1 + _SLACK) * above / self._wanted:
            self._too_large = float("inf")
        if least > 1 + _SLACK and above < self._too_large:
            wanted = max(above, self._wanted * min(2.0, least))
            self._move(wanted if wanted < self._too_large else above)

    def _move(self, wanted: float) -> None:
        self._wanted = min(max(wanted, self._sizes[0]), self._sizes[-1])
        self._room_before = None
