"""Choose what a model's decode batch is made of."""

import mlx.nn as nn

from workers.mlx_engine.attention_choice import kv_rows
from workers.mlx_engine.batch import DecodeBatch
from workers.mlx_engine.device import Device
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.pass_choice import shared_pass
from workers.mlx_engine.recorded_steps import recorded_steps
from workers.mlx_engine.sampler import Sampler
from workers.mlx_engine.speculation import Speculation


def decode_batch(model: nn.Module, device: Device, sampler: Sampler, speculation: Speculation | None) -> DecodeBatch:
    """Empty, of what suits the model on this device best."""
    rows, together = kv_rows(model, device), shared_pass(model, device)
    # What may share a pass has plain layers alone, as groups need it; GPUs have kernels for uneven rows.
    kv = KVGroups(rows.empty) if together is not None and device.kind == "cpu" else rows
    return DecodeBatch(model, sampler, together, kv, speculation, recorded_steps(model, kv))
