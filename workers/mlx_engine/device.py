"""Device: which processor MLX computes on, and in what format the weights lie there."""

import logging
import os
from dataclasses import dataclass
from typing import Literal

import mlx.core as mx

from queue_config.errors import BadSetting

log = logging.getLogger(__name__)

Kind = Literal["cpu", "cuda", "metal"]
_WEIGHTS_SHARE = 0.7
"""Of the device's memory, at most this much may be weights; the rest is for the KV cache and scratch."""

_SPARE_SHARE = 1 / 16


@dataclass(frozen=True, slots=True)
class Device:
    """`kind` decides the compute format: CPU float32, CUDA bfloat16, Metal the weights as they are."""

    kind: Kind
    name: str
    memory_bytes: int

    @property
    def dense_type(self) -> mx.Dtype | None:
        """The type that quantised weights are unpacked to at load; None leaves them packed.

        On the CPU only float32 matmuls reach BLAS; on CUDA quantised matmuls don't gain from batching; Metal does
        well with packed weights at the batch sizes that its memory allows.
        """
        return {"cpu": mx.float32, "cuda": mx.bfloat16, "metal": None}[self.kind]

    @property
    def candidates(self) -> int:
        """How many of the likeliest tokens the sampler sorts at first; 0 sorts the whole vocabulary.

        A full sort costs milliseconds a row on the CPU and next to nothing on a GPU.
        """
        return 1024 if self.kind == "cpu" else 0

    @property
    def prefill_chunk(self) -> int:
        """Prompt tokens a turn when nobody decodes: more are hardly faster, and a cancel would wait for them."""
        return 128 if self.kind == "cpu" else 1024

    @property
    def chunk_sizes(self) -> tuple[int, ...]:
        """Up to `prefill_chunk`, from where fewer tokens take hardly less time: the pass over the weights does.

        On a GPU they are few, since each may be a kernel to compile and all are warmed up.
        """
        if self.kind == "cpu":
            return (*range(16, 64, 4), *range(64, 129, 8))
        return (64, 96, 128, 192, 256, 384, 512, 768, 1024)

    @property
    def spare_bytes(self) -> int:
        """So much memory may MLX keep that is free while it works. By itself it keeps all that it ever had, up to
        nearly the whole device's, while other programs on it have to do without."""
        return int(self.memory_bytes * _SPARE_SHARE)

    def holds(self, weights_bytes: int) -> bool:
        return weights_bytes <= self.memory_bytes * _WEIGHTS_SHARE


def choose(setting: Literal["auto", "cpu", "gpu"]) -> Device:
    """Pick the device and make it MLX's default; raise BadSetting if a GPU is asked for and there is none."""
    kind = _gpu() if setting != "cpu" else None
    if setting == "gpu" and kind is None:
        raise BadSetting("PENSIEVE_DEVICE=gpu, but MLX finds no GPU here; set it to auto or cpu")
    if kind is None:
        mx.set_default_device(mx.cpu)
        # Compiling for the CPU runs a C++ compiler at serving time, which the machine may lack, for no gain.
        mx.disable_compile()
        return Device("cpu", _name(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    mx.set_default_device(mx.gpu)
    info = mx.device_info()
    memory = info.get("max_recommended_working_set_size") or info.get("memory_size") or info.get("total_memory")
    device = Device(kind, _name(), int(memory or 0))
    if device.memory_bytes:
        mx.set_cache_limit(device.spare_bytes)
    return device


def _gpu() -> Literal["cuda", "metal"] | None:
    if mx.metal.is_available():
        return "metal"
    return "cuda" if mx.cuda.is_available() else None


def _name() -> str:
    return str(mx.device_info().get("device_name", "unknown"))
