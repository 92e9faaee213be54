"""Whether the model is here, whole, and fits into the memory."""

from dataclasses import dataclass
from pathlib import Path

from deploy.doctor.finding import Finding, bad, ok, warn
from models.errors import ModelError
from models.resolve import ModelSpec, resolve
from models.weights_header import check_weights, unpacked_numbers

WEIGHTS_SHARE = 0.7
"""Of the memory, at most this much may be weights; the rest is for sequences and scratch."""
_FLOAT32_BYTES = 4
GB = 1e9


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the device that computes."""

    total_bytes: int
    available_bytes: int | None
    """None where nobody can say, or where it is Pensieve itself that has it."""
    unpacks: bool
    """A CPU computes in float32: what is quantised is unpacked, if there is room for that."""


def find(name: str, models_dir: Path) -> ModelSpec | Finding:
    """The model, or why it can't be used."""
    try:
        spec = resolve(name, models_dir)
        check_weights(spec.dir)
    except ModelError as error:
        return bad("model", f"model {name} can't be used", str(error))
    return spec


def fits(spec: ModelSpec, memory: Memory) -> Finding:
    room = memory.total_bytes * WEIGHTS_SHARE
    remedy = "choose a smaller model, or one of fewer bits: pensieve models"
    if spec.weights_bytes > room:
        return bad(
            "memory",
            f"{spec.name} has {spec.weights_bytes / GB:.1f} GB of weights; of {memory.total_bytes / GB:.1f} GB of "
            f"memory at most {room / GB:.1f} can be weights",
            remedy,
        )
    unpacked = unpacked_numbers(spec.dir) * _FLOAT32_BYTES if memory.unpacks else spec.weights_bytes
    needed = unpacked if unpacked <= room else spec.weights_bytes
    if memory.available_bytes is not None and needed > memory.available_bytes:
        return bad(
            "memory",
            f"{spec.name} needs {needed / GB:.1f} GB for its weights; {memory.available_bytes / GB:.1f} GB are free",
            f"end other programs, or {remedy}",
        )
    if unpacked > room:
        return warn("memory", f"{spec.name} is too large to be unpacked for the CPU, and so will be slow", remedy)
    return ok("memory", f"{spec.name} needs {needed / GB:.1f} GB of {memory.total_bytes / GB:.1f} GB for its weights")
