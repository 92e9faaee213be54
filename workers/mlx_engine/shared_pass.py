"""SharedPass: decoding rows and chunks of prompts go through the model together, in one pass over its weights.

The batch of such a pass has a row for each token, whichever sequence it belongs to, and all rows are one token long: so
each has its own position, and every product with the weights takes all of them at once. Only attention tells them
apart again: the decoding rows attend as they do among themselves, each chunk's rows to their own sequence.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some tokens of one prompt, next in line; its caches, one a layer, hold those before."""

    tokens: list[int]
    caches: list[KVCache]
    done: int
    """How many tokens the caches hold."""
    length: int
    """How many they will hold when the prompt is at its end."""

    @property
    def ends(self) -> bool:
        """The prompt's last tokens are in it."""
        return self.done + len(self.tokens) == self.length


class SharedPass(Protocol):
    """Whatever computes such passes."""

    def run(self, last: mx.array | None, rows: KVRows | KVGroups, chunks: Rows[Chunk]) -> mx.array | None:
        """Logits (decoding rows and chunks that end, vocabulary), in that order; None where there are neither.

        `last` (rows,) are the tokens that the decoding rows go on from; None if there are none. At least one chunk.
        """

    @property
    def whole_tokens(self) -> int:
        """As ChunkAttention says."""
        return 0

    @property
    def room(self) -> int:
        """For so many tokens behind those that are there, a prompt's caches are made large enough at first: the pass
        makes more room as it goes. 0 where they are to have room for the whole prompt."""
        return 0

    def prepare(self, most_tokens: int, longest: int, rows: int) -> Iterator[str]:  # noqa: ARG002
        """Make ready for chunks of up to `most_tokens`, of prompts up to `longest`, beside up to `rows` rows; yields
        what is done.

        Most have nothing to make ready.
        """
        return iter(())
