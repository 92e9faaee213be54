"""NumpyPass: a shared pass on a CPU that MLX has no part in, for models that are made as Llama's are.

Where prompts attend through NumPy, a pass through MLX stops at each layer, which is a quarter of its time. This one
reads the same weights, and reads and writes the same caches.
"""

from collections.abc import Sequence as Rows
from itertools import accumulate, pairwise

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, one_thread
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.numpy_attention import NumpyAttention
from workers.mlx_engine.numpy_model import Layer, NumpyModel
from workers.mlx_engine.numpy_products import NumpyProducts
from workers.mlx_engine.numpy_rows import FIRST_ROOM, ChunkTokens, DecodingRows, PassRows
from workers.mlx_engine.shared_pass import Chunk, SharedPass


class NumpyPass(SharedPass):
    def __init__(self, model: nn.Module, cores: Cores | None = None) -> None:
        """ValueError for a model that is made in another way."""
        cores = cores or Cores()
        self._model = NumpyModel.of(model)
        self._products = NumpyProducts(cores)
        self._attention = NumpyAttention(cores)

    @property
    def room(self) -> int:
        return FIRST_ROOM

    def run(self, last: mx.array | None, rows: KVRows | KVGroups, chunks: Rows[Chunk]) -> mx.array | None:
        """As the protocol says; computed when this returns."""
        tokens = [] if last is None else [np.array(last)]
        tokens += [np.array(chunk.tokens) for chunk in chunks]
        parts: list[PassRows] = [] if last is None else [DecodingRows.of(each) for each in rows.rectangles]
        parts += [ChunkTokens.of(chunk, self._model.kv_heads, self._model.width) for chunk in chunks]
        # A row that is broken gives what it gives; whoever draws from it finds out.
        with one_thread(), np.errstate(invalid="ignore", over="ignore"):
            logits = self._logits(np.concatenate(tokens).astype(np.int64), parts)
        if last is not None:
            rows.advance()
        for chunk in chunks:
            for cache in chunk.caches:
                cache.offset += len(chunk.tokens)
        return mx.array(logits) if len(logits) else None

    def _logits(self, tokens: NDArray[np.int64], parts: Rows[PassRows]) -> Floats:
        """Of the asked rows of all parts (asked, vocabulary); (0, anything) if there are none."""
        model = self._model
        spans = _spans([len(part.places) for part in parts])
        asked = [span.start + row for part, span in zip(parts, spans, strict=True) for row in part.asked]
        rotation = _Rotation(model, np.concatenate([part.places for part in parts]))
        x: Floats = model.embedding[tokens]
        for place, layer in enumerate(model.layers):
            queries, keys, values = self._projected(layer, x, rotation)
            for part, span in zip(parts, spans, strict=True):
                part.store(place, keys[span], values[span])
            if place == len(model.layers) - 1:
                # Of all other rows nothing but keys and values is still of use.
                x, queries, spans = x[asked], queries[asked], _spans([len(part.asked) for part in parts])
                if not asked:
                    return x
            out = np.empty_like(queries)
            self._attention.run(
                [
                    one
                    for part, span in zip(parts, spans, strict=True)
                    for one in part.attending(place, queries[span], out[span])
                ]
            )
            x += self._products.of(out.reshape(len(x), -1), [layer.out])
            x += self._products.feed_forward(layer.before_feed_forward(x), layer)
        return self._products.of(model.norm(x), [model.head])

    def _projected(self, layer: Layer, x: Floats, rotation: "_Rotation") -> tuple[Floats, Floats, Floats]:
        """Queries, ready to be multiplied with keys, keys and values (rows, heads, width)."""
        model = self._model
        product = self._products.of(layer.before_attention(x), layer.attended).reshape(len(x), -1, model.width)
        split = model.heads + model.kv_heads
        turned = product[:, :split]
        if layer.norms is not None:
            turned = np.concatenate(
                [layer.norms[0](turned[:, : model.heads]), layer.norms[1](turned[:, model.heads :])], axis=1
            )
        turned = rotation.of(turned)
        return turned[:, : model.heads], turned[:, model.heads :], product[:, split:]


class _Rotation:
    """Of queries and keys to these positions (rows,); queries are scaled by it, too."""

    def __init__(self, model: NumpyModel, places: NDArray[np.int64]) -> None:
        turns = places.astype(np.float32) * np.float32(model.way.scale)
        angles = turns[:, None, None] * np.array(model.way.frequencies)
        scales = np.repeat(np.array([model.scale, 1], np.float32), [model.heads, model.kv_heads])[:, None]
        self._cosines, self._sines = np.cos(angles) * scales, np.sin(angles) * scales

    def of(self, x: Floats) -> Floats:
        """(rows, heads, width), keys' heads behind the queries'."""
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        out = np.empty_like(x)
        np.multiply(first, self._cosines, out=out[..., :half])
        np.multiply(second, self._cosines, out=out[..., half:])
        out[..., :half] -= second * self._sines
        out[..., half:] += first * self._sines
        return out


def _spans(counts: Rows[int]) -> list[slice]:
    """Where so many rows each are, one behind the other."""
    return [slice(start, stop) for start, stop in pairwise(accumulate(counts, initial=0))]
