"""Load a model folder into the device's compute format. Never runs code from the folder, never reads a tokenizer."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.utils import dequantize_model, get_total_parameters, load_model

from models.data_only import require_data_only
from models.weights_header import check_weights
from workers.mlx_engine.device import Device

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """`model(tokens, cache=...)` gives logits (batch, length, vocabulary)."""

    model: nn.Module
    config: dict[str, Any]
    weights_bytes: int
    compute_type: str
    """The type of most of the weights, "float32" or "uint32" (packed) for example."""


def load(folder: Path, device: Device) -> LoadedModel:
    """Raise ModelRefused for a folder with code or broken weights, ValueError for a model that mlx-lm doesn't know."""
    require_data_only(folder)
    # Before anything maps them.
    check_weights(folder)
    model, config = load_model(folder, lazy=True, trust_remote_code=False)
    if device.dense_type is not None:
        _unpack(model, device.dense_type, device)
    mx.eval(model.parameters())
    weights = [array for _, array in tree_flatten(model.parameters())]
    largest = max(weights, key=lambda array: array.nbytes)
    compute_type = str(largest.dtype).removeprefix("mlx.core.")
    return LoadedModel(model, config, sum(array.nbytes for array in weights), compute_type)


def _unpack(model: nn.Module, dense_type: mx.Dtype, device: Device) -> None:
    needed_bytes = get_total_parameters(model) * dense_type.size
    if not device.holds(needed_bytes):
        log.warning(
            "%s holds %.1f GB; unpacked weights need %.1f GB, so they stay as they are, which is slower",
            device.name, device.memory_bytes / 1e9, needed_bytes / 1e9,
        )  # fmt: skip
        return
    for module in model.modules():
        if getattr(module, "mode", None) == "affine":
            # Unpacking through half precision is three times slower on the CPU, and rounds once more.
            module.scales = module.scales.astype(dense_type)
            module.biases = module.biases.astype(dense_type)
    dequantize_model(model)
    model.set_dtype(dense_type)
