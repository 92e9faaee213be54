"""MlxEngine: the Engine of workers.engine on MLX. Make it and use it on one thread: MLX's streams belong to threads."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar

import mlx.core as mx

from workers.engine import Need, Sampled, Usage
from workers.mlx_engine.batch import Newcomer
from workers.mlx_engine.batch_choice import decode_batch
from workers.mlx_engine.batch_rows import Row
from workers.mlx_engine.copy_choice import layer_copy
from workers.mlx_engine.cpu_layers import suit
from workers.mlx_engine.device import Device, choose
from workers.mlx_engine.draft_model import DraftSource
from workers.mlx_engine.drafts import Drafts, drafts_by
from workers.mlx_engine.free_memory import FreeMemory, giving_back
from workers.mlx_engine.kv_costs import MlxKVCosts, Scratch, leaves_room
from workers.mlx_engine.kv_costs import budget_bytes as kv_budget_bytes
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_shape import KVShape, kv_shape
from workers.mlx_engine.load import LoadedModel, load
from workers.mlx_engine.penalties import Tally
from workers.mlx_engine.prefill import Prefill
from workers.mlx_engine.prompt_cache import PromptCache, budget_bytes
from workers.mlx_engine.prompt_cache_spill import DiskSpace
from workers.mlx_engine.prompt_cache_tree import Prefix, pack
from workers.mlx_engine.sampler import Sampler
from workers.mlx_engine.shared_pass import Chunk
from workers.mlx_engine.speculation import Speculation
from workers.sequence import Sequence

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine runs on; sizes in bytes."""

    device: Device
    compute_type: str
    weights_bytes: int
    """The draft model's included."""
    kv: KVShape


class MlxEngine:
    """Continuous batching of one model on one device."""

    def __init__(
        self,
        model_dir: Path,
        device: Literal["auto", "cpu", "gpu"] = "auto",
        cache_bytes: int | Literal["auto"] = 0,
        kv_bytes: int = 0,
        cache_disk: DiskSpace | None = None,
        speculate: bool | DraftSource = False,  # noqa: FBT001, FBT002 - every caller names it
    ) -> None:
        """Load the model; BadSetting for a missing GPU, FileNotFoundError or ValueError where there is no model.

        `cache_bytes` is the prompt cache's budget, 0 for none; `kv_bytes` is that of the sequences, 0 for what is left.
        `cache_disk` is where the prompt cache may survive the process. `speculate` lets a sequence that runs alone get
        several tokens of one step where they can be guessed: from its own text, and by a draft model if one is given,
        without which the engine goes on where it is of no use.
        """
        self._device = choose(device)
        self._free_memory = FreeMemory()
        self._loaded: LoadedModel = load(model_dir, self._device)
        suit(self._loaded.model, self._device)
        model, sampler = self._loaded.model, Sampler(self._device.candidates)
        # Shapes are known without anything being computed.
        self._vocabulary: int = self._loaded.model(mx.array([[0]], mx.uint32)).shape[-1]
        prompt_cache_bytes = budget_bytes(cache_bytes, self._device)
        self._drafts: Drafts | None = None
        weights_bytes = self._loaded.weights_bytes
        if isinstance(speculate, DraftSource):
            self._drafts = drafts_by(
                speculate, model, self._vocabulary, self._device,
                lambda more: leaves_room(kv_bytes, self._device, weights_bytes + more, prompt_cache_bytes),
            )  # fmt: skip
        if self._drafts is not None:
            weights_bytes += self._drafts.draft.weights_bytes
        speculation = Speculation(model, sampler, self._drafts, self._room_beside) if speculate else None
        self._batch = decode_batch(model, self._device, sampler, speculation)
        self._prompt_cache = PromptCache(
            model, prompt_cache_bytes, self.uncut_tokens // 2, layer_copy(model, self._device)
        )
        if cache_disk is not None:
            self._prompt_cache.spill_to(cache_disk, model_dir, self._loaded, self._device)
        self._prefills: dict[str, Prefill] = {}
        self._chunks: dict[str, Chunk] = {}
        """Of these, what the next pass is to process."""
        self._rows: dict[str, Row] = {}
        self.info = EngineInfo(self._device, self._loaded.compute_type, weights_bytes, kv_shape(self._loaded.model))
        budget = kv_budget_bytes(kv_bytes, self._device, weights_bytes, prompt_cache_bytes)
        scratch, kv = Scratch.of(self._loaded.config, self._device), self._batch.kv
        ahead = scratch.layers if isinstance(kv, KVGroups) else 0
        self._costs = MlxKVCosts(budget, self.info.kv, scratch, kv.room_for, ahead)
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
    def shares_passes(self) -> bool:
        return self._batch.shared_pass is not None

    @property
    def uncut_tokens(self) -> int:
        return self._batch.shared_pass.whole_tokens if self._batch.shared_pass is not None else 0

    @property
    def kv(self) -> MlxKVCosts:
        return self._costs

    @property
    def usage(self) -> Usage:
        return Usage(
            weights_bytes=self.info.weights_bytes,
            device_bytes=mx.get_active_memory(),
            kv_bytes=self.kv_bytes,
            cache_bytes=self.cache_bytes,
            cache_limit_bytes=self._prompt_cache.budget_bytes,
        )

    @property
    def kv_bytes(self) -> int:
        """Held by the KV caches now, of decoding and prefilling sequences, and by the draft model's."""
        prefilling: int = sum(cache.nbytes for prefill in self._prefills.values() for cache in prefill.cache)
        return self._batch.kv_bytes + prefilling + (self._drafts.nbytes if self._drafts is not None else 0)

    @property
    def aside_s(self) -> float:
        return self._drafts.spent_s if self._drafts is not None else 0.0

    @property
    def cache_bytes(self) -> int:
        """Held by the prompt cache now."""
        return self._prompt_cache.nbytes

    def prepare(self, longest: int, rows: int) -> Iterator[str]:
        """Make ready for prompts of up to `longest` tokens and batches of up to so many rows, before there are any;
        yields what is done.

        Prompts that would not be admitted are left out: what they need might not fit either.
        """
        while longest > 1 and self._room(Need(longest, longest)) < 0:
            longest //= 2
        if self._batch.shared_pass is not None:
            yield from self._batch.shared_pass.prepare(self.prefill_chunk, longest, rows)

    def add(self, sequence: Sequence) -> int:
        """As the protocol says; ValueError if its id is here already or it has no tokens."""
        if sequence.id in self._prefills or sequence.id in self._rows:
            raise ValueError(f"{sequence.id} is in the engine already")
        if sequence.constraint is not None:
            sequence.constraint.restart(sequence.output)
        model, room = self._loaded.model, self._batch.room
        prefill = self._prefills[sequence.id] = Prefill(model, sequence, self._prompt_cache, room)
        return prefill.find()

    @giving_back()
    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        """As the protocol says; KeyError if the id is unknown or has joined already."""
        prefill = self._prefills[sequence_id]
        if self._drafts is not None and not prefill.cache:
            self._clear_drafts(self._drafts, prefill.sequence)
        if self.shares_passes:
            return self._into_pass(sequence_id, prefill, max_tokens)
        left = prefill.advance(max_tokens)
        if left == 0 and prefill.logits is not None:
            del self._prefills[sequence_id]
            self._batch.join(self._newcomer(prefill), prefill.logits)
        return left

    @giving_back()
    def decode(self) -> list[Sampled]:
        """As the protocol says. A sequence that got its `max_tokens`, or an error, gets nothing more."""
        if self._drafts is not None:
            self._drafts.turn(is_alone=not self._prefills)
        sampled = self._pass(self._batch.step)
        self._free_memory.used()
        # While the device computes the next step.
        self._prompt_cache.tidy(is_idle=False)
        for one in sampled:
            if one.error is not None:
                self._distrust(one.sequence_id)
        return sampled

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        """As the protocol says."""
        if not keep:
            self._distrust(sequence_id)
        self._chunks.pop(sequence_id, None)
        prefill = self._prefills.pop(sequence_id, None)
        row = self._rows.pop(sequence_id, None)
        if prefill is not None and keep:
            prefill.give_up()
        if row is not None:
            self._batch.discard(row)

    def tidy(self) -> bool:
        """As the protocol says."""
        if self._prompt_cache.tidy(is_idle=True):
            return True
        self._free_memory.idle()
        return False

    def close(self) -> None:
        """As the protocol says."""
        self._prompt_cache.close()

    def _into_pass(self, sequence_id: str, prefill: Prefill, max_tokens: int) -> int:
        """Put its next tokens into the pass to come, after one for those that would be too many together."""
        taken = sum(len(chunk.tokens) for chunk in self._chunks.values())
        is_full = taken and taken + min(max_tokens, prefill.left) > self.prefill_chunk
        if (
            is_full
            or sequence_id in self._chunks
            or any(prefill.waits_for(self._prefills[name]) for name in self._chunks)
        ):
            self._pass(self._batch.prefill)
        chunk = prefill.chunk(max_tokens)
        if chunk is None:
            return prefill.left
        self._chunks[sequence_id] = chunk
        return prefill.left - len(chunk.tokens)

    def _pass(self, run: Callable[[list[Chunk], list[Newcomer]], T]) -> T:
        """Run a pass with the chunks; their sequences go on from there, or join."""
        chunks, self._chunks = self._chunks, {}
        prefills = [self._prefills.pop(name) if chunk.ends else self._prefills[name] for name, chunk in chunks.items()]
        pairs = list(zip(prefills, chunks.values(), strict=True))
        got = run(list(chunks.values()), [self._newcomer(prefill) for prefill, chunk in pairs if chunk.ends])
        for prefill, chunk in pairs:
            prefill.processed(chunk)
        return got

    def _clear_drafts(self, drafts: Drafts, newcomer: Sequence) -> None:
        """A prompt's processing begins: whatever else it needs, the draft model's memory is given up for it."""
        if self._rows or len(self._prefills) > 1:
            drafts.make_way()
            return
        brought = [*newcomer.prompt, *newcomer.output]
        need = Need(len(newcomer.prompt) + newcomer.sampling.max_tokens, len(brought))
        drafts.expect(newcomer.salt, brought, self._room(need))

    def _room_beside(self, row: Row) -> float:
        return self._room(Need(len(row.prompt) + row.sampling.max_tokens, 0))

    def _room(self, need: Need) -> float:
        """Bytes that a sequence leaves where it is alone, however long it gets."""
        budget = self._costs.budget_bytes
        return budget - self._costs.bytes_for([need]) if budget else inf

    def _distrust(self, sequence_id: str) -> None:
        """Nothing of this sequence may reach another."""
        if sequence_id in self._rows:
            self._rows[sequence_id].on_leave = None
        self._prompt_cache.forget(sequence_id)

    def _newcomer(self, prefill: Prefill) -> Newcomer:
        row = self._rows[prefill.sequence.id] = self._row(prefill)
        return Newcomer(row, prefill.cache, prefill.length)

    def _row(self, prefill: Prefill) -> Row:
        sequence = prefill.sequence

        def keep(caches: list[Any], length: int) -> None:
            tokens = [*sequence.prompt, *sequence.output]
            # Whoever drives us may not have noted the newest token yet.
            prefix = Prefix(sequence.salt, pack(tokens), min(length, len(tokens)))
            self._prompt_cache.keep(prefix, caches, writer=sequence.id, has_snapshot=length <= len(tokens))
            self._prompt_cache.want(prefix, sequence.cache_read_tokens)

        on_leave = keep if self._prompt_cache.is_on else None
        tally = Tally.of(sequence.sampling, sequence.prompt, sequence.output, self._vocabulary)
        return Row(
            sequence.id, sequence.sampling, prefill.position, sequence.constraint, tally,
            prompt=sequence.prompt, output=sequence.output, salt=sequence.salt, on_leave=on_leave,
        )  # fmt: skip
