"""MlxEngine: the Engine of workers.engine on MLX. Make it and use it on one thread: MLX's streams belong to threads."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.engine import Sampled
from workers.mlx_engine.batch import DecodeBatch, Row
from workers.mlx_engine.device import Device, choose
from workers.mlx_engine.kv_shape import KVShape, kv_shape
from workers.mlx_engine.load import LoadedModel, load
from workers.mlx_engine.prefill import Prefill
from workers.mlx_engine.sampler import Sampler
from workers.sequence import Sequence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine runs on; sizes in bytes."""

    device: Device
    compute_type: str
    weights_bytes: int
    kv: KVShape


class MlxEngine:
    """Continuous batching of one model on one device."""

    def __init__(self, model_dir: Path, device: Literal["auto", "cpu", "gpu"] = "auto") -> None:
        """Load the model; BadSetting for a missing GPU, FileNotFoundError or ValueError where there is no model."""
        self._device = choose(device)
        self._loaded: LoadedModel = load(model_dir, self._device)
        self._batch = DecodeBatch(self._loaded.model, Sampler(self._device.candidates))
        self._prefills: dict[str, Prefill] = {}
        self._rows: dict[str, Row] = {}
        self.info = EngineInfo(
            self._device, self._loaded.compute_type, self._loaded.weights_bytes, kv_shape(self._loaded.model)
        )
        log.info("engine ready: %s, weights %.2f GB as %s, KV %d bytes a token", self._device.name,
                 self.info.weights_bytes / 1e9, self.info.compute_type, self.info.kv.bytes_for(1))  # fmt: skip

    @property
    def device(self) -> str:
        return self._device.name

    @property
    def prefill_chunk(self) -> int:
        return self._device.prefill_chunk

    @property
    def kv_bytes(self) -> int:
        """Held by the KV caches now, of decoding and prefilling sequences."""
        prefilling: int = sum(cache.nbytes for prefill in self._prefills.values() for cache in prefill.cache)
        return self._batch.kv_bytes + prefilling

    def add(self, sequence: Sequence) -> None:
        """Take a sequence in; ValueError if its id is here already or it has no tokens."""
        if sequence.id in self._prefills or sequence.id in self._rows:
            raise ValueError(f"{sequence.id} is in the engine already")
        self._prefills[sequence.id] = Prefill(self._loaded.model, sequence)

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        """As the protocol says; KeyError if the id is unknown or has joined already."""
        prefill = self._prefills[sequence_id]
        left = prefill.advance(max_tokens)
        if left == 0 and prefill.logits is not None:
            del self._prefills[sequence_id]
            row = self._rows[sequence_id] = Row(sequence_id, prefill.sequence.sampling, prefill.position)
            self._batch.join(row, prefill.cache, prefill.length, prefill.logits)
        return left

    def decode(self) -> list[Sampled]:
        """As the protocol says. A sequence that got its `max_tokens`, or an error, gets nothing more."""
        return self._batch.step()

    def remove(self, sequence_id: str) -> None:
        self._prefills.pop(sequence_id, None)
        row = self._rows.pop(sequence_id, None)
        if row is not None:
            self._batch.discard(row)
