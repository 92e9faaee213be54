"""MlxPass: the shared pass that drives the model itself, whose attention alone is another one."""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Rows
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import mlx.core as mx
import mlx.nn as nn

from workers.mlx_engine.attention import PlainLayer, PlainTokens, attend
from workers.mlx_engine.chosen_rows import ChosenRows
from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.kv_groups import GroupedLayer, KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.shared_pass import Chunk, SharedPass
from workers.mlx_engine.slots import SlotKVCache


class MlxPass(SharedPass):
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
        """As the protocol says."""
        decoding = 0 if last is None else last.shape[0]
        tokens = mx.array([token for chunk in chunks for token in chunk.tokens], mx.uint32)
        places = mx.array([chunk.done + place for chunk in chunks for place in range(len(chunk.tokens))], mx.int32)
        if last is not None:
            tokens = mx.concatenate([last.astype(mx.uint32), tokens])
            places = mx.concatenate([rows.offsets, places])
        stops = [decoding]
        for chunk in chunks:
            stops.append(stops[-1] + len(chunk.tokens))
        filler = self._attention.filled_up(stops[-1]) - stops[-1]
        if filler:
            tokens, places = (mx.pad(values, (0, filler)) for values in (tokens, places))
        layers = [
            PassLayer(
                places,
                filler,
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

    @property
    def whole_tokens(self) -> int:
        return self._attention.whole_tokens

    def prepare(self, most_tokens: int, longest: int, rows: int) -> Iterator[str]:
        yield from self._attention.prepare(most_tokens, longest)
        if self._attention.filled_up(1) > 1:
            yield from self._prepare_products(most_tokens, rows)

    def _prepare_products(self, most_tokens: int, rows: int) -> Iterator[str]:
        """Run each kind of product with each number of rows: those of steps, and those that passes are filled up to."""
        filled = (self._attention.filled_up(count) for count in range(1, most_tokens + rows + 1))
        counts = sorted({*range(1, rows + 1), *filled})
        kinds: dict[object, nn.Module] = {}
        for part in self._model.modules():
            # A model's embeddings may be its head, too.
            if isinstance(part, nn.Linear | nn.Embedding):
                kinds.setdefault((part.weight.shape, part.weight.dtype, "bias" in part), part)
        for part in kinds.values():
            product = part.as_linear if isinstance(part, nn.Embedding) else part
            outputs, inputs = part.weight.shape
            for count in counts:
                mx.eval(product(mx.zeros((count, 1, inputs), part.weight.dtype)))
            yield f"products of {inputs} by {outputs}"


@dataclass(frozen=True, slots=True)
class PassLayer(PlainLayer):
    """A layer's cache, as a model sees it, for the time of one pass."""

    offset: mx.array
    """(rows,): the position of each row's token in its own sequence."""
    filler: int
    """So many rows at the end are nobody's."""
    decoding: int
    slots: SlotKVCache | GroupedLayer | None
    """Of the first `decoding` rows; None if that is 0."""
    chunks: list[ChunkRows]
    """All rows between."""
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
        parts = [layer.attention.attend(queries, self.keys, self.values, layer.chunks, scale)]
        if layer.slots is not None:
            keys, values = layer.slots.update_and_fetch(self.keys[:count], self.values[:count])
            mask = layer.slots.make_mask(1)
            parts.insert(0, attend(queries[:count], keys, values, cache=layer.slots, scale=scale, mask=mask))
        if layer.filler:
            parts.append(mx.zeros((layer.filler, *parts[0].shape[1:]), parts[0].dtype))
        return mx.concatenate(parts) if len(parts) > 1 else parts[0]
