"""RecordedSteps: a decode step's operations, recorded once for a shape and then repeated.

On a fast device a step takes no longer to compute than to say what is to be computed, in Python, operation by
operation. As long as rows neither come nor go and the buffers don't grow, all steps say the same.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from functools import partial
from weakref import ref

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from workers.mlx_engine.attention import DecodeAttention, NewTokens, PlainLayer
from workers.mlx_engine.attention_cuda import CudaAttention
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.slots import SlotKVCache
from workers.mlx_engine.trial import far_off, filled, what_is_wrong

log = logging.getLogger(__name__)

WORTH_IT = 8
"""Recording takes as long as several steps: a shape is recorded when it has come up so many times."""
KEPT = 64
"""Shapes: as many as there are numbers of rows between which a busy batch moves. Each takes 1.5 MB with 32 layers."""

_LENGTHS = (3, 20)

Step = Callable[[mx.array, mx.array, mx.array, list[mx.array], list[mx.array]], mx.array]
"""Logits (rows, vocabulary) from the last tokens, offsets and padding (rows,), and each layer's keys and values."""


class RecordedSteps:
    """For models all of whose layers are in slots, with an attention that writes to them in place."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._recorded: OrderedDict[tuple[int, ...], Step] = OrderedDict()
        self._built: tuple[tuple[int, ...], ref[SlotKVCache]] | None = None
        """The shape of the last step that was built, and its first layer's slots."""

    def logits(self, last: mx.array, kv: KVRows | KVGroups) -> mx.array:
        """(rows, vocabulary), from the last tokens (rows,); the caller moves the rows on."""
        if not isinstance(kv, KVRows):
            return plain(self._model, last, kv)
        slots: list[SlotKVCache] = kv.caches
        for one in slots:
            one.reserve(kv.layout.end + 1)
        shape = (last.shape[0], *slots[0].keys.shape)
        step = self._recorded.get(shape)
        if step is None:
            self._seen[shape] += 1
            # Rows that have just come may be without what such a step's kernels need; the first one built makes it.
            is_first, self._built = self._built != (shape, ref(slots[0])), (shape, ref(slots[0]))
            if self._seen[shape] < WORTH_IT or is_first:
                return plain(self._model, last, kv)
            step = self._record(shape, slots)
        self._recorded.move_to_end(shape)
        return repeat(step, last, kv, slots)

    def _record(self, shape: tuple[int, ...], slots: Rows[SlotKVCache]) -> Step:
        step = self._recorded[shape] = recorded(self._model, slots)
        if len(self._recorded) > KEPT:
            forgotten, _ = self._recorded.popitem(last=False)
            del self._seen[forgotten]
        return step


def recorded_steps(model: nn.Module, rows: KVRows | KVGroups) -> RecordedSteps | None:
    """For batches such as `rows`; None where steps can't be recorded."""
    if not isinstance(rows, KVRows) or not isinstance(rows.attention, CudaAttention):
        return None
    found = what_is_wrong(partial(trial, model, rows.empty()))
    if found is None:
        return RecordedSteps(model)
    log.warning("steps are not recorded: %s", found)
    return None


def trial(model: nn.Module, rows: KVRows) -> str | None:
    """Record a step, and repeat it where rows have gone on; return what is wrong, None if nothing."""
    for length in _LENGTHS:
        rows.join(filled(model, length), length)
    slots = rows.caches
    if not all(isinstance(cache, SlotKVCache) for cache in slots):
        return "it has layers that don't keep every token"
    last = mx.arange(len(_LENGTHS))
    # Before it is recorded, so that what its kernels need is there.
    wanted = [plain(model, last, rows)]
    mx.eval(wanted)
    step = recorded(model, slots)
    got = [repeat(step, last, rows, slots)]
    mx.eval(got)
    rows.advance()
    got.append(repeat(step, last + 1, rows, slots))
    mx.eval(got)
    wanted.append(plain(model, last + 1, rows))
    off = [mx.linalg.norm((one - other).astype(mx.float32)) / mx.linalg.norm(other.astype(mx.float32))
           for one, other in zip(got, wanted, strict=True)]  # fmt: skip
    return far_off(float(np.max(np.array(off))), "logits")


def plain(model: nn.Module, last: mx.array, kv: KVRows | KVGroups) -> mx.array:
    """As it is without recording."""
    logits: mx.array = model(last[:, None], cache=kv.caches)[:, -1]
    return logits


def repeat(step: Step, last: mx.array, kv: KVRows, slots: Rows[SlotKVCache]) -> mx.array:
    """What `step` gives for rows that are as they were when it was recorded, but for their tokens."""
    layout = kv.layout
    return step(last, layout.offsets, layout.padding, [one.keys for one in slots], [one.values for one in slots])


def recorded(model: nn.Module, slots: Rows[SlotKVCache]) -> Step:
    """A step over rows in slots such as these, which have been through a step already; recorded at its first use."""
    # Not the slots themselves, whose buffers would be held for as long as the step is.
    kinds = [(one.attention, one.zeros(0)) for one in slots]

    def step(
        last: mx.array, offsets: mx.array, padding: mx.array, keys: list[mx.array], values: list[mx.array]
    ) -> mx.array:
        layers = [
            RecordedLayer(own_keys, own_values, offsets, padding, attention, zeros)
            for own_keys, own_values, (attention, zeros) in zip(keys, values, kinds, strict=True)
        ]
        logits: mx.array = model(last[:, None], cache=layers)[:, -1]
        return logits

    return mx.compile(step)


@dataclass(slots=True, eq=False)
class RecordedLayer(PlainLayer):
    """A layer's cache, as a model sees it while a step is recorded; nothing in it may say how far the rows are."""

    keys: mx.array
    values: mx.array
    offsets: mx.array
    padding: mx.array
    attention: DecodeAttention | None
    computed_zeros: mx.array

    @property
    def offset(self) -> mx.array:
        return self.offsets

    def zeros(self, count: int) -> mx.array:
        if self.computed_zeros.size < count:
            raise ValueError("a step is recorded before one was run")
        return self.computed_zeros

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[NewTokens, NewTokens]:
        if self.attention is None:
            raise ValueError("a layer attends by the model's own attention")
        tokens = NewTokens(self, keys, values, self.attention)
        return tokens, tokens

    def write(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:  # noqa: ARG002
        raise ValueError("a layer has its tokens stored, which no recorded step can")

    def owned(self) -> mx.array | None:
        raise ValueError("a layer attends with a mask, which no recorded step has")
