"""Prefill: one sequence on its way into the batch, its tokens run through the model chunk by chunk."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn

from workers.mlx_engine.prompt_cache import PromptCache
from workers.mlx_engine.prompt_cache_fetch import Fetch
from workers.mlx_engine.prompt_cache_tree import PIECE_TOKENS, Prefix, agreeing, pack
from workers.mlx_engine.shared_pass import Chunk
from workers.sequence import Sequence

_HEAD_TOKENS = 128
"""The model's head is computed for at most this many tokens, of which only the last matters.

For a short prompt that is cheaper than a second pass over the weights, for a long one it would be the reverse.
"""
_WORTH_WAITING = 64
"""Tokens that another prompt in the same pass is about to compute: fewer are sooner computed twice."""
_SNAPSHOT_SPACING = 256
"""Between the boundaries at which uncuttable states are kept, lest a talk in short turns be prefilled in bits."""


class Prefill:
    """`cache` holds one entry a layer, once prefill has begun; `length` tokens are to be in it at the end.

    It goes on from the longest prefix that the prompt cache has when it begins, and puts there what it computes.
    """

    def __init__(self, model: nn.Module, sequence: Sequence, prompt_cache: PromptCache, room: int = 0) -> None:
        """`room` as SharedPass says."""
        self.sequence = sequence
        self.position = len(sequence.output)
        """Of the first token to be drawn, in the sequence's own output."""
        self.cache: list[Any] = []
        self.logits: mx.array | None = None
        """(1, vocabulary) after the last token, once none is left."""
        self._model = model
        self._prompt_cache = prompt_cache
        self._room = room
        self._tokens = [*sequence.prompt, *sequence.output]
        if not self._tokens:
            raise ValueError("a sequence needs at least one token")
        self._key = pack(self._tokens)
        self._done = 0
        self._kept = self._written = self._known = 0
        self._fetch: Fetch | None = None
        self._snapshots = _snapshot_places(sequence, self.length) if prompt_cache.is_exact else {}

    @property
    def length(self) -> int:
        return len(self._tokens)

    @property
    def left(self) -> int:
        return self.length - self._done

    def find(self) -> int:
        """How many of its tokens the prompt cache would spare us now; at least one is always left to compute."""
        return self._prompt_cache.find(self._first(self.length - 1))

    def advance(self, max_tokens: int) -> int:
        """Process at most `max_tokens` more tokens, computed when this returns; return how many are left."""
        if not self._may_go_on(max_tokens):
            return self.left
        until = min(self._done + max_tokens, self.length)
        for place in sorted(place for place in self._snapshots if self._done < place <= until):
            self._run_to(place)
            self._keep(place, has_snapshot=True)
        if until > self._done:
            self._run_to(until)
        self._note()
        return self.left

    def waits_for(self, other: "Prefill") -> bool:
        """Whether it has yet to begin, and will find much of itself in what the other one's next tokens leave."""
        if self.cache or not self._prompt_cache.is_on or self.sequence.salt != other.sequence.salt:
            return False
        alike = agreeing(self._key, other._key)  # noqa: SLF001 - one of its own kind
        return alike >= self._prompt_cache.least and alike - self.find() >= _WORTH_WAITING

    def chunk(self, max_tokens: int) -> Chunk | None:
        """At most so many of its next tokens, for others to process; None if none can be processed yet."""
        if not self._may_go_on(max_tokens):
            return None
        return Chunk(self._tokens[self._done : self._done + max_tokens], self.cache, self._done, self.length)

    def processed(self, chunk: Chunk) -> None:
        """That chunk's tokens are in the caches now."""
        self._done += len(chunk.tokens)
        self._note()

    def give_up(self) -> None:
        """It will not go on, but the same prompt may come again: keep what is computed."""
        if self._done:
            self._keep(self._done, has_snapshot=True)
            self._prompt_cache.want(self._first(self._done), self.sequence.cache_read_tokens)

    def _may_go_on(self, max_tokens: int) -> bool:
        if max_tokens < 1:
            raise ValueError(f"a chunk of {max_tokens} tokens makes no progress")
        if not self.cache:
            if self._is_still_coming():
                return False
            self._begin()
        return True

    def _note(self) -> None:
        if self.left == 0:
            self._keep(self.length)
            self._tell()
        else:
            # Whole pieces, however small the chunks: of many small ones a prompt takes long to put together again.
            self._keep(self._done - self._done % PIECE_TOKENS)

    def _is_still_coming(self) -> bool:
        """Let the disk bring what it has, before anything is computed."""
        if self._fetch is None:
            self._fetch = self._prompt_cache.fetch(self._first(self.length - 1), self.sequence.id)
        return self._fetch is not None and not self._fetch.advance()

    def _begin(self) -> None:
        sequence = self.sequence
        # Found again, since prompts that wait behind one another often begin alike.
        first = self._first(self.length - 1)
        self._done, self.cache = self._prompt_cache.restore(first, self.length, self._room)
        self._kept = self._done
        self._known = self._held()
        sequence.cache_read_tokens = min(self._done, len(sequence.prompt) - 1)

    def _run_to(self, place: int) -> None:
        count = place - self._done
        if place < self.length:
            self._run(count)
            return
        if count > _HEAD_TOKENS:
            self._run(count - _HEAD_TOKENS)
        self.logits = self._forward(self.left)[:, -1]
        mx.eval(self.logits)

    def _run(self, count: int) -> None:
        self._forward(count)
        # The caches alone: the head, which nobody looks at, is never computed.
        mx.eval([cache.state for cache in self.cache])

    def _forward(self, count: int) -> mx.array:
        tokens = mx.array(self._tokens[self._done : self._done + count], mx.uint32)
        self._done += count
        logits: mx.array = self._model(tokens[None], cache=self.cache)
        return logits

    def _keep(self, tokens: int, *, has_snapshot: bool = False) -> None:
        if tokens <= self._kept and not has_snapshot:
            return
        self._kept = tokens
        self._written += self._prompt_cache.keep(
            self._first(tokens),
            self.cache,
            writer=self.sequence.id,
            has_snapshot=has_snapshot,
            is_pinned=self._snapshots.get(tokens, False),
        )

    def _first(self, tokens: int) -> Prefix:
        return Prefix(self.sequence.salt, self._key, tokens)

    def _tell(self) -> None:
        """Say what of the prompt is in the cache because of this request: brought by it, and not evicted again."""
        self.sequence.cache_written_tokens = max(0, min(self._written, self._held() - self._known))

    def _held(self) -> int:
        """How much of the prompt is in the cache; its last token, never of use to the same prompt, doesn't count."""
        return self._prompt_cache.held(self._first(len(self.sequence.prompt) - 1))


def _snapshot_places(sequence: Sequence, length: int) -> dict[int, bool]:
    """After how many tokens to take a snapshot, and whether it is the one that other conversations will want.

    Those are the first boundary, which ends the system prompt, the later ones at a distance, and the last token but
    one: the same prompt, sent again, needs its last token computed.
    """
    places: dict[int, bool] = {}
    last = 0
    for boundary in sorted(set(sequence.boundaries)):
        if 0 < boundary < length - 1 and (not places or boundary - last >= _SNAPSHOT_SPACING):
            places[boundary] = not places
            last = boundary
    if length > 1:
        places[length - 1] = False
    return places
