"""ThinkingBudget: thinking that has used up its tokens is made to end, in the family's own words."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self

from models.answers.thoughts import Thoughts
from models.syntax import ThinkSyntax
from workers.constraint import Constraint
from workers.constraint_mask import Mask, mask_of


class TokenDecoder(Protocol):
    """Turns tokens to text as they come."""

    def step(self, token_id: int) -> str: ...


class ThinkingBudget:
    """`end` are the tokens that end thinking. Anything may come but when the budget is spent."""

    def __init__(
        self,
        syntax: ThinkSyntax,
        budget_tokens: int,
        end: Sequence[int],
        vocab_size: int,
        new_decoder: Callable[[], TokenDecoder],
    ) -> None:
        self._syntax = syntax
        self._budget_tokens = budget_tokens
        self._end = list(end)
        self._vocab_size = vocab_size
        self._new_decoder = new_decoder
        self.restart([])

    def restart(self, output: list[int]) -> None:
        self._decoder = self._new_decoder()
        self._thoughts = Thoughts(self._syntax, asked=True)
        self._spent = 0
        self._forced: list[int] = []
        self._look()
        for token in output:
            self.push(token)

    def allowed(self) -> Mask | None:
        return mask_of(self._forced[:1], self._vocab_size) if self._forced else None

    def push(self, token: int) -> None:
        if self._forced:
            # Another token means that something stronger has decided; the rest would make no sense then.
            self._forced = self._forced[1:] if token == self._forced[0] else []
        was_inside = self._thoughts.inside
        self._thoughts.push(self._decoder.step(token))
        self._spent += was_inside or self._thoughts.inside
        self._look()

    def fork(self) -> Constraint | None:
        """Only when thinking is over, and this allows everything."""
        return Anything() if self._thoughts.over else None

    def _look(self) -> None:
        if self._thoughts.inside and not self._forced and self._spent >= self._budget_tokens:
            self._forced = list(self._end)


class Anything:
    """Bounds nothing."""

    def restart(self, output: list[int]) -> None:
        pass

    def allowed(self) -> None:
        return None

    def push(self, token: int) -> None:
        pass

    def fork(self) -> Self:
        return self


class Both:
    """Two constraints on one answer. Where they leave nothing in common, the `stronger` decides."""

    def __init__(self, stronger: Constraint, weaker: ThinkingBudget) -> None:
        self._stronger = stronger
        self._weaker = weaker

    def restart(self, output: list[int]) -> None:
        self._stronger.restart(output)
        self._weaker.restart(output)

    def allowed(self) -> Mask | None:
        weak = self._weaker.allowed()
        strong = self._stronger.allowed()
        if weak is None or strong is None:
            return strong if weak is None else weak
        both = weak & strong
        return both if both.any() else strong

    def push(self, token: int) -> None:
        self._stronger.push(token)
        self._weaker.push(token)

    def fork(self) -> Constraint | None:
        return self._stronger.fork() if self._weaker.fork() is not None else None
