"""Isolation: finds the row that makes the batch's step raise, so that it ends alone and the others go on.

After a step that raised, nobody has ended: all rows leave the batch and come back one at a time, while those that are
back go on decoding. Whoever's coming is followed by another exception is tried again alone; who then raises is accused,
and guilty once others decode without it. It costs a neighbour two or three more prefills to find a culprit; halving the
batch again and again would cost one for each halving.
"""

from collections import deque
from collections.abc import Collection

FRUITLESS_LIMIT = 3
"""So many times may rows be brought back without a culprit being found; then it is the engine that is broken."""
PROOF_STEPS = 2
"""A row is cleared by so many steps: engines read a step's results, and its errors, when they launch the next one."""


class Isolation:
    """Hears how steps went, in terms of sequence ids; says who may come back next and who is guilty."""

    def __init__(self) -> None:
        self._back: deque[str] = deque()
        """Those that have yet to come back."""
        self._cleared: list[str] = []
        self._newest: str | None = None
        self._proofs = 0
        self._accused: str | None = None
        self._is_retrial = False
        self._fruitless = 0
        self._is_unproven = False
        """The last verdict fell with nobody else there, and no step has gone well since."""

    @property
    def is_on(self) -> bool:
        return bool(self._back or self._newest or self._accused)

    @property
    def next(self) -> str | None:
        """The one that may prefill and join now; None while there is nothing to isolate, or the newest is on trial."""
        if self._newest is None and self._back:
            self._newest, self._proofs = self._back.popleft(), 0
        return self._newest

    def raised(self, rows: Collection[str]) -> list[str]:
        """A step with these rows raised: they are to be put back. Returns the guilty, who shall not come back.

        Raises NoCulprit where the engine itself must be at fault.
        """
        if self._is_unproven or self._fruitless >= FRUITLESS_LIMIT:
            raise NoCulprit
        newest, others = self._newest if self._newest in rows else None, self._cleared
        if newest is None and self._newest is not None:
            self._back.appendleft(self._newest)
        self._newest, self._cleared = None, []
        if newest is None:
            self._fruitless += self.is_on
            known = {*self._back, self._accused}
            self._back = deque([*(row for row in rows if row not in known), *self._back])
            return []
        if not others:
            return self._accuse(newest)
        self._back = deque([newest, *others, *self._back])
        self._is_retrial = True
        return []

    def stepped(self, rows: Collection[str]) -> list[str]:
        """A step with these rows went well. Returns who is guilty by that: the step went well without it."""
        if not rows:
            return []
        self._is_unproven = False
        if self._newest is not None and self._newest in rows:
            self._proofs += 1
            if self._proofs >= PROOF_STEPS:
                self._clear(self._newest)
        if self._accused is None or self._newest is not None:
            self._close()
            return []
        guilty, self._accused, self._fruitless = self._accused, None, 0
        self._close()
        return [guilty]

    def left(self, row: str) -> None:
        """It has ended, or was cancelled."""
        if row in self._back:
            self._back.remove(row)
        if row in self._cleared:
            self._cleared.remove(row)
        self._newest = None if self._newest == row else self._newest
        self._accused = None if self._accused == row else self._accused
        if self._accused is not None and not (self._back or self._newest or self._cleared):
            # Nobody is left to prove it guilty by going on without it.
            self._back.append(self._accused)
            self._accused = None
        self._close()

    def _accuse(self, row: str) -> list[str]:
        if self._accused is not None:
            # Two rows that fail alone, one after the other: it isn't the rows.
            raise NoCulprit
        if self._back:
            self._accused, self._is_retrial = row, False
            return []
        self._is_unproven = True
        return [row]

    def _clear(self, row: str) -> None:
        # Tried alone because it seemed guilty, and it is not.
        self._fruitless += self._is_retrial
        self._cleared.append(row)
        self._newest, self._is_retrial = None, False

    def _close(self) -> None:
        if not self.is_on:
            self._cleared, self._fruitless, self._is_retrial = [], 0, False


class NoCulprit(Exception):
    """Steps raise and no row is to blame."""
