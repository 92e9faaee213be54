"""MlxEngine: the Engine of workers.engine on MLX. Make it and use it on one thread: MLX's streams belong to threads."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workers.engine import Sampled
from workers.mlx_engine.attention_choice import kv_rows
from workers.mlx_engine.batch import DecodeBatch, Row
from workers.mlx_engine.device import Device, choose
from workers.mlx_engine.kv_costs import MlxKVCosts, Scratch
from workers.mlx_engine.kv_costs import budget_bytes as kv_budget_bytes
from workers.mlx_engine.kv_shape import KVShape, kv_shape
from workers.mlx_engine.load import LoadedModel, load
from workers.mlx_engine.prefill import Prefill
from workers.mlx_engine.prompt_cache import PromptCache, budget_bytes
from workers.mlx_engine.prompt_cache_tree import Prefix, pack
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

    def __init__(
        self,
        model_dir: Path,
        device: Literal["auto", "cpu", "gpu"] = "auto",
        cache_bytes: int | Literal["auto"] = 0,
        kv_bytes: int = 0,
    ) -> None:
        """Load the model; BadSetting for a missing GPU, FileNotFoundError or ValueError where there is no model.

        `cache_bytes` is the prompt cache's budget, 0 for none; `kv_bytes` is that of the sequences, 0 for what is left.
        """
        self._device = choose(device)
        self._loaded: LoadedModel = load(model_dir, self._device)
        rows = kv_rows(self._loaded.model, self._device)
        self._batch = DecodeBatch(self._loaded.model, Sampler(self._device.candidates), rows)
        prompt_cache_bytes = budget_bytes(cache_bytes, self._device)
        self._prompt_cache = PromptCache(self._loaded.model, prompt_cache_bytes)
        self._prefills: dict[str, Prefill] = {}
        self._rows: dict[str, Row] = {}
        self.info = EngineInfo(
            self._device, self._loaded.compute_type, self._loaded.weights_bytes, kv_shape(self._loaded.model)
        )
        self._costs = MlxKVCosts(
            kv_budget_bytes(kv_bytes, self._device, self._loaded.weights_bytes, prompt_cache_bytes),
            self.info.kv,
            Scratch.of(self._loaded.config, self._device),
            lambda: self._batch.capacity,
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
    def chunk_sizes(self) -> tuple[int, ...]:
        return self._device.chunk_sizes

    @property
    def kv(self) -> MlxKVCosts:
        return self._costs

    @property
    def kv_bytes(self) -> int:
        """Held by the KV caches now, of decoding and prefilling sequences."""
        prefilling: int = sum(cache.nbytes for prefill in self._prefills.values() for cache in prefill.cache)
        return self._batch.kv_bytes + prefilling

    @property
    def cache_bytes(self) -> int:
        """Held by the prompt cache now."""
        return self._prompt_cache.nbytes

    def add(self, sequence: Sequence) -> int:
        """As the protocol says; ValueError if its id is here already or it has no tokens."""
        if sequence.id in self._prefills or sequence.id in self._rows:
            raise ValueError(f"{sequence.id} is in the engine already")
        prefill = self._prefills[sequence.id] = Prefill(self._loaded.model, sequence, self._prompt_cache)
        return prefill.find()

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        """As the protocol says; KeyError if the id is unknown or has joined already."""
        prefill = self._prefills[sequence_id]
        left = prefill.advance(max_tokens)
        if left == 0 and prefill.logits is not None:
            del self._prefills[sequence_id]
            row = self._rows[sequence_id] = self._row(prefill)
            self._batch.join(row, prefill.cache, prefill.length, prefill.logits)
        return left

    def decode(self) -> list[Sampled]:
        """As the protocol says. A sequence that got its `max_tokens`, or an error, gets nothing more."""
        sampled = self._batch.step()
        for one in sampled:
            if one.error is not None:
                self._distrust(one.sequence_id)
        return sampled

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        """As the protocol says."""
        if not keep:
            self._distrust(sequence_id)
        prefill = self._prefills.pop(sequence_id, None)
        row = self._rows.pop(sequence_id, None)
        if prefill is not None and keep:
            prefill.give_up()
        if row is not None:
            self._batch.discard(row)

    def _distrust(self, sequence_id: str) -> None:
        """Nothing of this sequence may reach another."""
        if sequence_id in self._rows:
            self._rows[sequence_id].on_leave = None
        self._prompt_cache.forget(sequence_id)

    def _row(self, prefill: Prefill) -> Row:
        sequence = prefill.sequence

        def keep(caches: list[Any], length: int) -> None:
            tokens = [*sequence.prompt, *sequence.output]
            # Whoever drives us may not have noted the newest token yet.
            self._prompt_cache.keep(
                Prefix(sequence.salt, pack(tokens), min(length, len(tokens))),
                caches,
                writer=sequence.id,
                has_snapshot=length <= len(tokens),
            )

        on_leave = keep if self._prompt_cache.is_on else None
        return Row(sequence.id, sequence.sampling, prefill.position, on_leave=on_leave)
