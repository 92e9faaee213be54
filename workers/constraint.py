"""Constraint: what the next token of one answer may be. Asked and told by the engine thread alone."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Constraint(Protocol):
    """Follows one answer, token by token."""

    def restart(self, output: list[int]) -> None:
        """Follow the answer anew from these tokens, which it has already; called before the first of the others."""

    def allowed(self) -> NDArray[np.int32] | None:
        """The tokens that may come next, one bit each, token 0 the lowest bit of the first word; None for all.

        Never all zeros: where the answer is complete, what ends it is allowed. Must not be changed by the caller, and
        holds until the next `push`.
        """

    def push(self, token: int) -> None:
        """The answer goes on with this token."""

    def fork(self) -> "Constraint | None":
        """Another that has followed the answer to here, to be led where this one may never go; None if there is none.

        Only its `allowed` and `push` are called.
        """
