"""KVCosts on MLX: how many bytes a set of sequences may come to take, by the shape of the batch's buffers.

All rows lie in one rectangle a layer (workers.mlx_engine.slots): as wide as the longest row, its rows doubling and
halving. So a batch costs rows times longest, and not the sum of its lengths; where rows lie in several rectangles by
their width (workers.mlx_engine.kv_groups), that is the most they can cost. What is forecast is the end of every row,
since nothing can be put aside once the memory is full: a Metal device then ends the process.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workers.engine import Need
from workers.mlx_engine.device import Device
from workers.mlx_engine.kv_shape import KVShape
from workers.mlx_engine.slots import COLUMNS

log = logging.getLogger(__name__)

_SHARES = {"cpu": 0.5, "cuda": 0.85, "metal": 0.85}
"""Of the memory: what weights, prompt cache, sequences and scratch may take. On a CPU others live there too."""
_LEAST_SHARE = 0.25
"""Of what the weights leave: where they leave next to nothing, short sequences are worth a try."""
_MOVING_LAYERS = 8
"""Layers of which an old and a new buffer exist together while buffers grow: what MLX has under way at a time."""
_HEAD_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Scratch:
    """What a chunk of prefill and a decode step take beside the caches, by the shape of the model."""

    chunk: int
    layers: int
    vocabulary: int
    width: int
    """Numbers that a layer computes for each token, the widest intermediate results together."""
    score_bytes: int
    """Of the attention scores of one token against one other, all heads, where they are computed in the open."""

    @classmethod
    def of(cls, config: dict[str, Any], device: Device) -> "Scratch":
        """From a model's config.json; where that doesn't say, from a large model's."""
        config = config.get("text_config", config)
        heads = int(config.get("num_attention_heads", 32))
        hidden, inner = int(config.get("hidden_size", 4096)), int(config.get("intermediate_size", 16384))
        return cls(
            chunk=device.prefill_chunk,
            layers=int(config.get("num_hidden_layers", 32)),
            vocabulary=int(config.get("vocab_size", 150_000)),
            width=8 * hidden + 4 * inner,
            # A GPU's attention keeps the scores to itself, but not for every width of head; then half precision serves.
            score_bytes=heads * (2 * 4 if device.kind == "cpu" else 2),
        )

    def bytes_for(self, rows: int, columns: int, prefill: int) -> int:
        """For the larger of a step of so many rows and columns, and a chunk that ends at `prefill` tokens."""
        step = rows * (self.vocabulary * 4 * 6 + self.width * 4 + self.score_bytes * columns)
        chunk = min(self.chunk, prefill)
        head = min(_HEAD_TOKENS, chunk) * self.vocabulary * 4
        return step + chunk * (self.width * 4 + self.score_bytes * prefill) + head


@dataclass(frozen=True, slots=True)
class MlxKVCosts:
    """`room_for` says for how many rows the batch's buffers may come to have room while so many run."""

    budget_bytes: int
    shape: KVShape
    scratch: Scratch
    room_for: Callable[[int], int]
    ahead: int = 0
    """Columns for which the batch's buffers grow before they have to."""

    def bytes_for(self, needs: Sequence[Need]) -> int:
        """As the protocol says. Columns at the left that nobody needs may stay until there are COLUMNS of them."""
        return self._bytes(needs, self.room_for(len(needs)), COLUMNS - 1)

    def bytes_alone(self, need: Need) -> int:
        return self._bytes([need], 1, 0)

    def _bytes(self, needs: Sequence[Need], rows: int, spare: int) -> int:
        columns = _in_columns(max(need.total for need in needs) + spare + self.ahead)
        batch = rows * self.shape.bytes_for(columns)
        moving = min(1.0, _MOVING_LAYERS / self.scratch.layers)
        own = sum(self.shape.bytes_for(_in_columns(need.prefill)) for need in needs if need.prefill)
        longest = max(need.prefill for need in needs)
        return int((batch + own) * (1 + moving)) + self.scratch.bytes_for(rows, columns, longest)


def budget_bytes(setting: int, device: Device, weights_bytes: int, cache_bytes: int) -> int:
    """What sequences may take: the setting, or if that is 0 what the device leaves beside weights and prompt cache."""
    if setting or not device.memory_bytes:
        return setting
    left = int(device.memory_bytes * _SHARES[device.kind]) - weights_bytes - cache_bytes
    least = int((device.memory_bytes - weights_bytes) * _LEAST_SHARE)
    if left < least:
        log.warning("the weights leave little memory: sequences get %.2f GB", least / 1e9)
    return max(left, least, 1)


def leaves_room(setting: int, device: Device, weights_bytes: int, cache_bytes: int) -> bool:
    """Whether weights of that many bytes leave sequences what the setting says, or if that is 0 the least they need."""
    left = int(device.memory_bytes * _SHARES[device.kind]) - weights_bytes - cache_bytes
    least = setting or int((device.memory_bytes - weights_bytes) * _LEAST_SHARE)
    return not device.memory_bytes or left >= least


def _in_columns(tokens: int) -> int:
    return -(-tokens // COLUMNS) * COLUMNS
