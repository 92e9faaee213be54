"""MaskAsker: asks the constraints of a step what they allow, side by side where there are many.

A large vocabulary takes up to some milliseconds a row, outside of Python, while the device computes the logits.
"""

import os
from collections.abc import Sequence as Rows
from concurrent.futures import ThreadPoolExecutor

from workers.constraint import Constraint
from workers.constraint_mask import Mask

FEW = 8
"""So many are asked one after the other: handing them to threads costs as much."""
MOST_THREADS = 8

Answer = Mask | Exception | None
"""A mask, None for anything, or what the constraint raised."""


class MaskAsker:
    """Its threads start when they are first needed, and end with the process."""

    def __init__(self, threads: int = 0) -> None:
        """0 threads: one for each core but the one that drives the device."""
        self._threads = threads or min(MOST_THREADS, max(1, (os.cpu_count() or 1) - 1))
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, constraints: Rows[Constraint | None]) -> list[Answer]:
        """One answer for each."""
        asked = [place for place, constraint in enumerate(constraints) if constraint is not None]
        if len(asked) <= FEW or self._threads == 1:
            return _ask_all(constraints)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="masks")
        shares = [asked[start :: self._threads] for start in range(self._threads)]
        answers: list[Answer] = [None] * len(constraints)
        done = self._pool.map(_ask_all, ([constraints[place] for place in share] for share in shares))
        for share, theirs in zip(shares, done, strict=True):
            for place, answer in zip(share, theirs, strict=True):
                answers[place] = answer
        return answers


def _ask_all(constraints: Rows[Constraint | None]) -> list[Answer]:
    return [None if constraint is None else _ask_one(constraint) for constraint in constraints]


def _ask_one(constraint: Constraint) -> Answer:
    try:
        mask = constraint.allowed()
    except Exception as error:  # noqa: BLE001 - one row's trouble, whatever it is
        return error
    if mask is not None and not mask.any():
        return ValueError("it allows no token")
    return mask
