"""What the machine has: Python, MLX and its device, BLAS, disk."""

import platform
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import orjson

from deploy.doctor.finding import Finding, bad, ok, warn

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)
"""That was tried."""
LEAST_FREE_BYTES = 2_000_000_000
"""Redis writes its file anew beside the old one; logs and the prompt cache come on top."""
PLENTY_FREE_BYTES = 10_000_000_000
GB = 1e9

_DEVICE = """\
import json, mlx.core as mx
mx.eval(mx.ones(2) + 1)
gpu = mx.default_device() == mx.Device(mx.gpu)
info = mx.device_info() if gpu else {}
memory = info.get("max_recommended_working_set_size") or info.get("memory_size") or info.get("total_memory") or 0
print(json.dumps({"gpu": gpu, "name": str(mx.default_device()), "memory_bytes": int(memory)}))
"""
_DEVICE_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Device:
    is_gpu: bool
    name: str
    memory_bytes: int
    """0 where it is the machine's own."""


def python(found: tuple[int, ...] = sys.version_info[:3], *, is_translated: bool = False) -> Finding:
    """`is_translated`: an Intel build that runs on Apple's processor."""
    said = ".".join(map(str, found))
    if found[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return bad(
            "python", f"Python {said} is too old", f"install {oldest} or newer, then: make up PYTHON=/path/to/it"
        )
    if is_translated:
        return bad(
            "python",
            f"Python {said} is built for Intel and runs translated: MLX has no Metal there",
            "install an arm64 Python, then: make up PYTHON=/path/to/it",
        )
    if found[:2] > NEWEST_PYTHON:
        return warn(
            "python", f"Python {said} is newer than any that was tried", "if something breaks, use 3.11 to 3.14"
        )
    return ok("python", f"Python {said} at {sys.executable}")


def is_translated() -> bool:
    if sys.platform != "darwin" or platform.machine() != "x86_64":
        return False
    said = subprocess.run(["sysctl", "-n", "sysctl.proc_translated"], capture_output=True, text=True, check=False)
    return said.stdout.strip() == "1"


def mlx_device() -> Device | str | None:
    """Compute something; None where there is no MLX, its last words where it can't."""
    if find_spec("mlx") is None:
        return None
    # In a process of its own: a broken driver may take the whole process down.
    command = [sys.executable, "-c", _DEVICE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEVICE_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {_DEVICE_PATIENCE_S} s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    said = orjson.loads(done.stdout)
    return Device(said["gpu"], said["name"], said["memory_bytes"])


def mlx(device: Device | str | None) -> Finding:
    if device is None:
        return warn("mlx", "no MLX: this machine serves the API alone", "for a worker: make up MLX=auto")
    if isinstance(device, str):
        return bad("mlx", f"MLX does not compute: {device}", "try another build: make up MLX=cpu")
    return ok("mlx", f"MLX {version('mlx')} computes on {device.name}")


def installed(*names: str) -> frozenset[str]:
    """Which of these packages are here."""
    return frozenset(name for name in names if _has(name))


def blas(packages: Collection[str], system: str = sys.platform) -> Finding:
    """Only MLX's CPU build for Linux is slow without it."""
    if system != "linux" or "mlx-cpu" not in packages:
        return ok("blas", "OpenBLAS is not needed for this build of MLX")
    if "cmeel-openblas" not in packages:
        return bad("blas", "OpenBLAS is missing, without which the CPU is 70 times slower", "make up MLX=cpu")
    return ok("blas", f"OpenBLAS {version('cmeel-openblas')} is there to be preloaded")


def disk(folder: Path, free_bytes: int) -> Finding:
    """`folder` is where Pensieve writes."""
    said = f"{free_bytes / GB:.1f} GB free on the disk of {folder}"
    remedy = "make room, or set PENSIEVE_HOME (state) and PENSIEVE_MODELS_DIR (models) to another disk"
    if free_bytes < LEAST_FREE_BYTES:
        return bad("disk", f"only {said}: when it is full, Redis refuses writes", remedy)
    return warn("disk", f"only {said}", remedy) if free_bytes < PLENTY_FREE_BYTES else ok("disk", said)


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
