"""What a model's layers compute in quicker ways on a CPU, whoever drives the model."""

import mlx.nn as nn

from workers.mlx_engine.activations import hasten
from workers.mlx_engine.device import Device
from workers.mlx_engine.rotary import share_rotations


def suit(model: nn.Module, device: Device) -> None:
    """On other devices MLX has kernels for all of it."""
    if device.kind == "cpu":
        hasten(model)
        share_rotations(model)
