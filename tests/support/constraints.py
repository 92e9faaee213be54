"""Constraints for tests that need no grammar: what may come next follows from the tokens so far by a plain rule."""

from collections.abc import Callable, Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.constraint_mask import mask_of

Rule = Callable[[list[int]], Iterable[int] | None]


class Ruled:
    """`rule` gives the tokens that may follow an output, None for all; what it raises, the constraint raises."""

    def __init__(self, rule: Rule, vocabulary: int) -> None:
        self.output: list[int] = []
        self._rule = rule
        self._vocabulary = vocabulary

    def restart(self, output: list[int]) -> None:
        self.output = list(output)

    def allowed(self) -> NDArray[np.int32] | None:
        tokens = self._rule(self.output)
        return None if tokens is None else mask_of(tokens, self._vocabulary)

    def push(self, token: int) -> None:
        self.output.append(token)

    def fork(self) -> Self:
        other = type(self)(self._rule, self._vocabulary)
        other.output = list(self.output)
        return other
