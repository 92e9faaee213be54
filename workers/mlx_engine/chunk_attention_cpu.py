"""CpuChunkAttention: NumPy over MLX's own buffers, in passes of models that NumpyPass doesn't know."""

from collections.abc import Sequence as Rows

import mlx.core as mx
import numpy as np

from workers.mlx_engine.chunk_attention import ChunkAttention, ChunkRows
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, view
from workers.mlx_engine.numpy_attention import NumpyAttention, Tokens


class CpuChunkAttention(ChunkAttention):
    """For float32. Computes at once what it is given, and so makes the pass wait for each of its layers.

    Tokens are written into buffers that MLX believes to be unchanging; nothing that MLX has still to compute reads
    them, since a prompt's cache is handed on only when its last chunk is done.
    """

    def __init__(self, cores: Cores | None = None) -> None:
        self.cores = cores or Cores()
        self._attention = NumpyAttention(self.cores)

    def attend(
        self, queries: mx.array, keys: mx.array, values: mx.array, chunks: Rows[ChunkRows], scale: float
    ) -> mx.array:
        if queries.dtype != mx.float32 or keys.dtype != mx.float32:
            raise ValueError(f"no attention on the CPU for {queries.dtype} and {keys.dtype}")
        for chunk in chunks:
            chunk.make_room(keys, values)
        mx.eval(queries, keys, values, [(chunk.cache.keys, chunk.cache.values) for chunk in chunks])
        first = chunks[0].start
        out = np.empty((queries.shape[0] - first, queries.shape[1], values.shape[3]), np.float32)
        asked, new_keys, new_values = (view(rows)[:, :, 0] for rows in (queries, keys, values))
        parts = []
        for chunk in chunks:
            own = slice(chunk.start, chunk.stop)
            held_keys = _stored(chunk.cache.keys, new_keys[own], chunk.cache.offset)
            held_values = _stored(chunk.cache.values, new_values[own], chunk.cache.offset)
            chunk.cache.offset += chunk.stop - chunk.start
            into = out[chunk.start - first : chunk.stop - first]
            parts.append(Tokens(asked[own] * np.float32(scale), held_keys, held_values, into))
        self._attention.run(parts)
        return mx.array(out)[:, :, None]


def _stored(buffer: mx.array, rows: Floats, offset: int) -> Floats:
    """Write rows (tokens, KV heads, width) behind the others in (1, KV heads, columns, width); a view of all so far."""
    held: Floats = view(buffer)[0]
    end = offset + rows.shape[0]
    held[:, offset:end] = rows.swapaxes(0, 1)
    seen: Floats = held[:, :end]
    return seen
