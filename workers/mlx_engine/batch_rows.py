"""Row: a sequence's place in the decode batch; Pending: tokens that are drawn for some rows and not read yet."""

import logging
from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Any

import numpy as np

from queue_config.request import SamplingParams
from workers.constraint import Constraint
from workers.engine import Sampled
from workers.mlx_engine.penalties import Tally
from workers.mlx_engine.sampler import NOT_FINITE, Draw

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Row:
    """`position` is the index, in the sequence's output, of the next token to be drawn."""

    sequence_id: str
    sampling: SamplingParams
    position: int
    constraint: Constraint | None = None
    """Told each token when it is read; it has the earlier ones already."""
    tally: Tally | None = None
    """Of the tokens before `position`, where a penalty needs it."""
    prompt: Rows[int] = ()
    output: Rows[int] = ()
    """The sequence's own list, which grows as tokens are delivered; where nobody delivers any, nothing is guessed."""
    salt: str = ""
    """Of the tenant: sequences with another one must not notice what this one leaves."""
    gone: bool = False
    on_leave: Callable[[list[Any], int], None] | None = None
    """Gets the row's own caches, one a layer, and how many tokens are in them, just before they are cut out of the
    batch: slices of its buffers, so the copy of what is to be kept must be under way before it returns."""

    @property
    def finished(self) -> bool:
        """No further step is of use: it has been dropped, or all the tokens it may have are drawn."""
        return self.gone or self.position >= self.sampling.max_tokens


@dataclass(slots=True)
class Pending:
    """Tokens drawn, one a row."""

    rows: list[Row]
    draw: Draw
    is_read: bool = False

    def read(self) -> list[Sampled]:
        """One for each row that still runs, and its constraint told; waits until they are computed. Once only."""
        if self.is_read:
            return []
        self.is_read = True
        sampled = []
        for row, token in zip(self.rows, np.array(self.draw.report).tolist(), strict=True):
            if row.gone:
                continue
            error = "the model computed a NaN or an infinity" if token == NOT_FINITE else push(row, token)
            if error:
                row.gone = True
                token = 0  # noqa: PLW2901 - there is none
            sampled.append(Sampled(row.sequence_id, token, error))
        return sampled


def constraint_failure(row: Row, error: Exception) -> str:
    """Log what a row's constraint raised, and put it in words."""
    log.error("a constraint failed", exc_info=error, extra={"job": row.sequence_id})
    return f"its constraint failed: {error}"


def push(row: Row, token: int) -> str | None:
    """Tell the row's constraint; the error, where that fails."""
    if row.constraint is None or row.finished:
        return None
    try:
        row.constraint.push(token)
    except Exception as error:  # noqa: BLE001 - one row's trouble, whatever it is
        return constraint_failure(row, error)
    return None
