"""ChunkAttention: how the tokens of prompts attend in a pass that they share with others, each to its own sequence."""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.buffers import empty_buffer


@dataclass(frozen=True, slots=True)
class ChunkRows:
    """In one layer, the rows `start` to `stop` of a pass: tokens that follow one another in one sequence."""

    cache: KVCache
    """Those before them; they are to be stored there."""
    start: int
    stop: int
    capacity: int
    """Tokens that the sequence's prompt has: so large the buffers are made at once, instead of growing."""

    def make_room(self, keys: mx.array, values: mx.array) -> None:
        """Give a new cache its buffers; keys and values are of any rows of the pass, (rows, KV heads, 1, width)."""
        if self.cache.keys is None:
            self.cache.keys = empty_buffer(self.capacity, keys.shape[1], keys.shape[3], keys.dtype)
            self.cache.values = empty_buffer(self.capacity, values.shape[1], values.shape[3], values.dtype)


class ChunkAttention(Protocol):
    """Attention of prompts' tokens to their own sequences, themselves included."""

    @property
    def whole_tokens(self) -> int:
        """Prompts of up to so many tokens attend in much less time where they are whole, in one pass and with nothing
        before them; 0 where that makes no difference."""
        return 0

    def filled_up(self, rows: int) -> int:
        """The number of rows that a pass of so many is filled up to, for the device's sake."""
        return rows

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        """From queries (rows, heads, 1, width) to outputs of the chunks' rows alone; stores the tokens.

        The chunks are in the order of their rows, with none between them, up to the last row that isn't filler.
        """

    def prepare(self, most_tokens: int, longest: int) -> Iterator[str]:  # noqa: ARG002
        """Make ready for chunks of up to `most_tokens`, of prompts up to `longest`; yields what is done.

        Most have nothing to make ready.
        """
        return iter(())


class MlxChunkAttention(ChunkAttention):
    """Through MLX's own kernels, on every device."""

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        done = []
        for chunk in chunks:
            chunk.make_room(keys, values)
            own = slice(chunk.start, chunk.stop)
            held = chunk.cache.update_and_fetch(_as_one(keys[own]), _as_one(values[own]))
            done.append(mx.fast.scaled_dot_product_attention(_as_one(queries[own]), *held, scale=scale, mask="causal"))
        return mx.concatenate([out.transpose(2, 1, 0, 3) for out in done])


def _as_one(rows: mx.array) -> mx.array:
    """(tokens, heads, 1, width) as (1, heads, tokens, width)."""
    return rows.transpose(2, 1, 0, 3)
