"""SharedPass: decoding rows and chunks of prompts go through the model together, in one pass over its weights.

The batch of such a pass has a row for each token, whichever sequence it belongs to, and all rows are one token long: so
each has its own position, and every product with the weights takes all of them at once. Only attention tells them
apart again: the decoding rows attend as they do among themselves, each chunk's rows to their own sequence.
"""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Rows
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import KVCache

from workers.mlx_engine.attention import PlainLayer, PlainTokens, attend
from workers.mlx_engine.chosen_rows import ChosenRows
from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.kv_groups import GroupedLayer, KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.slots import SlotKVCache


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


class SharedPass:
    """For models all of whose layers keep plain keys and values, and attend through the seam."""

    def __init__(
        self,
        model: nn.Module,
        attention: ChunkAttention,
        within: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """ValueError where the model isn't made so that it can be found out. `within` is entered for each pass."""
        self._model = model
        self._head = ChosenRows.of(model)
        self._attention = attention
        self._within = within

    def run(self, last: mx.array | None, rows: KVRows | KVGroups, chunks: Rows[Chunk]) -> mx.array | None:
        """Logits (decoding rows and chunks that end, vocabulary), in that order; None where there are neither.

        `last` (rows,) are the tokens that the decoding rows go on from; None if there are none. At least one chunk.
        """
        decoding = 0 if last is None else last.shape[0]
        tokens = mx.array([token for chunk in chunks for token in chunk.tokens], mx.uint32)
        places = mx.array([chunk.done + place for chunk in chunks for place in range(len(chunk.tokens))], mx.int32)
        if last is not None:
            tokens = mx.concatenate([last.astype(mx.uint32), tokens])
            places = mx.concatenate([rows.offsets, places])
        stops = [decoding]
        for chunk in chunks:
            stops.append(stops[-1] + len(chunk.tokens))
        layers = [
            PassLayer(
                places,
                decoding,
                rows.caches[layer] if decoding else None,
                [
                    ChunkRows(chunk.caches[layer], start, stop, chunk.length)
                    for chunk, (start, stop) in zip(chunks, pairwise(stops), strict=True)
                ],
                self._attention,
            )
            for layer in range(len(chunks[0].caches))
        ]
        ends = [stop - 1 for chunk, stop in zip(chunks, stops[1:], strict=True) if chunk.ends]
        with self._within(), self._head.only([*range(decoding), *ends]):
            logits: mx.array = self._model(tokens[:, None], cache=layers)
        if decoding:
            rows.advance()
        # Of a prompt's middle the caches alone are of use: its last layer's outputs are never computed.
        mx.async_eval([cache.state for chunk in chunks for cache in chunk.caches])  # type: ignore[no-untyped-call]
        return logits[:, -1] if decoding or ends else None

    def prepare(self, most_tokens: int, longest: int) -> Iterator[str]:
        """Make ready for chunks of up to `most_tokens`, of prompts up to `longest`; yields what is done."""
        return self._attention.prepare(most_tokens, longest)


@dataclass(frozen=True, slots=True)
class PassLayer(PlainLayer):
    """A layer's cache, as a model sees it, for the time of one pass."""

    offset: mx.array
    """(rows,): the position of each row's token in its own sequence."""
    decoding: int
    slots: SlotKVCache | GroupedLayer | None
    """Of the first `decoding` rows; None if that is 0."""
    chunks: list[ChunkRows]
    """All rows behind those."""
    attention: ChunkAttention

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple["PassTokens", "PassTokens"]:
        tokens = PassTokens(self, keys, values)
        return tokens, tokens


@dataclass(frozen=True, slots=True)
class PassTokens(PlainTokens):
    """The tokens of a pass in one layer: keys and values (rows, KV heads, 1, width)."""

    layer: PassLayer
    keys: mx.array
    values: mx.array

    def attended_plainly(self, queries: mx.array, scale: float) -> mx.array:
        layer, count = self.layer, self.layer.decoding
        chunks = layer.attention.attend(queries, self.keys, self.values, layer.chunks, scale)
        if layer.slots is None:
            return chunks
        keys, values = layer.slots.update_and_fetch(self.keys[:count], self.values[:count])
        rows = attend(queries[:count], keys, values, cache=layer.slots, scale=scale, mask=layer.slots.make_mask(1))
        return mx.concatenate([rows, chunks])
