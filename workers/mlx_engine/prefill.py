"""Prefill: one sequence on its way into the batch, its tokens run through the model chunk by chunk."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from workers.sequence import Sequence

_HEAD_TOKENS = 128
"""The model's head is computed for at most this many tokens, of which only the last matters.

For a short prompt that is cheaper than a second pass over the weights, for a long one it would be the reverse.
"""


class Prefill:
    """`cache` holds one entry a layer; `length` tokens are to be in it at the end."""

    def __init__(self, model: nn.Module, sequence: Sequence) -> None:
        self.sequence = sequence
        self.position = len(sequence.output)
        """Of the first token to be drawn, in the sequence's own output."""
        self.cache: list[Any] = make_prompt_cache(model)
        self.logits: mx.array | None = None
        """(1, vocabulary) after the last token, once none is left."""
        self._model = model
        self._tokens = [*sequence.prompt, *sequence.output]
        self._done = 0
        if not self._tokens:
            raise ValueError("a sequence needs at least one token")

    @property
    def length(self) -> int:
        return len(self._tokens)

    @property
    def left(self) -> int:
        return self.length - self._done

    def advance(self, max_tokens: int) -> int:
        """Process at most `max_tokens` more tokens, computed when this returns; return how many are left."""
        if max_tokens < 1:
            raise ValueError(f"a chunk of {max_tokens} tokens makes no progress")
        count = min(max_tokens, self.left)
        if count < self.left:
            self._run(count)
        elif count > 0:
            if count > _HEAD_TOKENS:
                self._run(count - _HEAD_TOKENS)
            self.logits = self._forward(self.left)[:, -1]
            mx.eval(self.logits)
        return self.left

    def _run(self, count: int) -> None:
        self._forward(count)
        # The caches alone: the head, which nobody looks at, is never computed.
        mx.eval([cache.state for cache in self.cache])

    def _forward(self, count: int) -> mx.array:
        tokens = mx.array(self._tokens[self._done : self._done + count], mx.uint32)
        self._done += count
        logits: mx.array = self._model(tokens[None], cache=self.cache)
        return logits
