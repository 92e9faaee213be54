"""Choose what moves rows and copies layers: kernels for all layers at once, where they are seen to give the same."""

import logging
from functools import partial

import mlx.core as mx
import mlx.nn as nn

from workers.mlx_engine.attention import DecodeAttention
from workers.mlx_engine.attention_cpu import CpuAttention
from workers.mlx_engine.attention_cuda import CudaAttention
from workers.mlx_engine.device import Device
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.layer_copy import CudaLayerCopy, LayerCopy, MlxLayerCopy
from workers.mlx_engine.prompt_cache_pieces import is_plain
from workers.mlx_engine.row_copy import CudaRowCopy, MlxRowCopy, RowCopy
from workers.mlx_engine.row_copy_cpu import CpuRowCopy
from workers.mlx_engine.trial import filled, what_is_wrong

log = logging.getLogger(__name__)

_LENGTHS = (5, 30, 12)


def row_copy(model: nn.Module, attention: DecodeAttention) -> RowCopy:
    """In place, where whoever attends lets it be."""
    match attention:
        case CudaAttention():
            copy = CudaRowCopy()
            found = what_is_wrong(partial(trial_of_rows, model, copy))
            if found is None:
                return copy
            log.warning("rows can't be moved by a kernel: %s", found)
        case CpuAttention():
            return CpuRowCopy()
    return MlxRowCopy()


def layer_copy(model: nn.Module, device: Device) -> LayerCopy:
    """For what the prompt cache holds."""
    if device.kind == "cuda":
        copy = CudaLayerCopy()
        found = what_is_wrong(partial(trial_of_layers, model, copy))
        if found is None:
            return copy
        log.warning("layers can't be copied by a kernel: %s", found)
    return MlxLayerCopy()


def trial_of_rows(model: nn.Module, copy: RowCopy) -> str | None:
    """Let rows join and one leave; return what is wrong, None if nothing."""
    mine, plain = KVRows(row_copy=copy), KVRows()
    for length in _LENGTHS:
        caches = filled(model, length)
        for rows in (mine, plain):
            rows.join(caches, length)
    for rows in (mine, plain):
        rows.leave(0)
    return None if all(_same(mine, plain, row) for row in range(plain.count)) else "it moves something else"


def _same(mine: KVRows, plain: KVRows, row: int) -> bool:
    pairs = zip(mine.extract(row)[0], plain.extract(row)[0], strict=True)
    return all(_equal(one.keys, other.keys) and _equal(one.values, other.values)
               for one, other in pairs if is_plain(one))  # fmt: skip


def trial_of_layers(model: nn.Module, copy: LayerCopy) -> str | None:
    """Copy some tokens out of a sequence's caches; return what is wrong, None if nothing."""
    layers = [(cache.keys, cache.values) for cache in filled(model, max(_LENGTHS)) if is_plain(cache)]
    mine, plain = (by.copy(layers, min(_LENGTHS), max(_LENGTHS)) for by in (copy, MlxLayerCopy()))
    same = all(_equal(*arrays) for pair in zip(mine, plain, strict=True) for arrays in zip(*pair, strict=True))
    return None if same else "it copies something else"


def _equal(one: mx.array, other: mx.array) -> bool:
    return bool(mx.array_equal(one, other).item())
