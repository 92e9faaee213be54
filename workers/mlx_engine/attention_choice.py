"""Choose the attention for decoding: the fastest that is seen to be right, for this model on this device.

The choice is made by trying. One step of the model is decoded over rows of unlike lengths, and every layer's outputs
are compared with a plain computation of the same; that also finds models whose layers don't attend through the seam.
"""

import logging
from collections.abc import Sequence as Rows
from functools import partial

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from workers.mlx_engine.attention import DecodeAttention, NewTokens, SeveralAttention, reroute
from workers.mlx_engine.attention_cpu import CpuAttention
from workers.mlx_engine.attention_cuda import CudaAttention
from workers.mlx_engine.attention_matmul import MatmulAttention
from workers.mlx_engine.copy_choice import row_copy
from workers.mlx_engine.device import Device
from workers.mlx_engine.few_shapes import FewShapes
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.slots import SlotKVCache
from workers.mlx_engine.trial import far_off, filled, what_is_wrong

log = logging.getLogger(__name__)

_LENGTHS = (3, 150)
_FEW = (3, 20)
"""On a CPU, where a large model takes seconds for a hundred tokens."""


def kv_rows(model: nn.Module, device: Device) -> KVRows:
    """Empty rows for this model, with what decodes them best."""
    if device.kind == "metal":
        return KVRows()
    lengths = _LENGTHS if device.kind == "cuda" else _FEW
    for attention in (CudaAttention(), MatmulAttention()) if device.kind == "cuda" else (CpuAttention(),):
        found = what_is_wrong(partial(trial, model, attention, lengths))
        if found is None:
            log.info("decoding attends through %s", type(attention).__name__)
            return KVRows(attention, row_copy(model, attention), several(model, device))
        log.warning("decoding can't attend through %s: %s", type(attention).__name__, found)
    return KVRows()


def several(model: nn.Module, device: Device) -> SeveralAttention | None:
    """Where new shapes take long to get ready for, what has few of them."""
    if device.kind != "cuda":
        return None
    attention = FewShapes()
    found = what_is_wrong(partial(trial_of_several, model, attention))
    if found is None:
        return attention
    log.warning("guesses are checked in shapes that take long to get ready for: %s", found)
    return None


def trial_of_several(model: nn.Module, attention: SeveralAttention) -> str | None:
    """Run some tokens of a lone row through it; return what is wrong, None if nothing."""
    reroute(model)
    got, wanted = (_behind_others(model, KVRows(several=by)) for by in (attention, None))
    return far_off(float(np.array(mx.linalg.norm(got - wanted) / mx.linalg.norm(wanted))))


def _behind_others(model: nn.Module, rows: KVRows) -> mx.array:
    """Logits (tokens, vocabulary) of some tokens behind those that a lone row has."""
    rows.join(filled(model, _FEW[1]), _FEW[1])
    logits: mx.array = model(mx.arange(_FEW[0])[None], cache=rows.caches)[0]
    return logits.astype(mx.float32)


def trial(model: nn.Module, attention: DecodeAttention, lengths: Rows[int] = _LENGTHS) -> str | None:
    """Decode one step with it; return what is wrong, None if nothing."""
    reroute(model)
    compared = _Compared(attention)
    rows = KVRows(compared)
    for length in lengths:
        rows.join(filled(model, length), length)
    logits = model(mx.arange(len(lengths))[:, None], cache=rows.caches)
    mx.eval(logits, compared.errors)
    slots = sum(isinstance(cache, SlotKVCache) for cache in rows.caches)
    if len(compared.errors) != slots:
        return f"{len(compared.errors)} of {slots} layers attended through it"
    return far_off(np.max([np.array(error) for error in compared.errors], initial=0.0))


class _Compared:
    """Gives what MatmulAttention gives, and keeps how far the other is from it in each layer."""

    def __init__(self, attention: DecodeAttention) -> None:
        self.errors: list[mx.array] = []
        self._attention = attention

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        wanted = MatmulAttention().attend(queries, tokens, scale)
        got = self._attention.attend(queries, tokens, scale)
        off = (got - wanted).astype(mx.float32)
        self.errors.append(mx.linalg.norm(off) / mx.linalg.norm(wanted.astype(mx.float32)))
        return wanted
