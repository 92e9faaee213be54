"""GrammarConstraint: an answer that fits a grammar from its first token to its last."""

from copy import copy
from typing import Self

import llguidance
import numpy as np

from workers.constraint_closing import Closing, reserve_tokens
from workers.constraint_mask import Mask, has
from workers.constraint_vocabulary import Vocabulary


class GrammarConstraint:
    """Follows one answer of at most `max_tokens`.

    `matcher` is the grammar, compiled, at its beginning; it is never changed, and answers may share it.
    """

    def __init__(
        self, matcher: llguidance.LLMatcher, vocabulary: Vocabulary, closing: Closing, grammar: str, max_tokens: int
    ) -> None:
        self._beginning = matcher
        self._vocabulary = vocabulary
        self._closing = closing
        self._max_tokens = max_tokens
        self._reserve = reserve_tokens(grammar, max_tokens)
        self.restart([])

    def restart(self, output: list[int]) -> None:
        """As the protocol says; ValueError for an output that doesn't fit."""
        self._matcher = self._beginning.deep_copy()
        self._count = 0
        self._mask: Mask | None = None
        for token in output:
            self.push(token)

    def allowed(self) -> Mask:
        """As the protocol says; ValueError if the grammar is too much for the library at this point."""
        if self._mask is None:
            mask = np.frombuffer(self._matcher.compute_bitmask(), np.int32)[: self._vocabulary.ends.size]
            if self._matcher.is_error():
                raise ValueError(error_of(self._matcher))
            if has(mask, self._vocabulary.eos_ids[0]):
                mask = mask | self._vocabulary.ends
            if self._max_tokens - self._count <= self._reserve:
                mask = self._closing.narrowed(mask, is_whole=self._matcher.is_accepting())
            self._mask = mask
        return self._mask

    def push(self, token: int) -> None:
        """As the protocol says; ValueError for a token that wasn't allowed."""
        eos_ids = self._vocabulary.eos_ids
        if not self._matcher.consume_token(eos_ids[0] if token in eos_ids else token):
            raise ValueError(error_of(self._matcher))
        self._mask = None
        self._count += 1

    def fork(self) -> Self:
        other = copy(self)
        other._matcher = self._matcher.deep_copy()  # noqa: SLF001
        return other


def error_of(matcher: llguidance.LLMatcher) -> str:
    """What went wrong, without the dump of the library's state."""
    return matcher.get_error().strip().partition("\n")[0]
