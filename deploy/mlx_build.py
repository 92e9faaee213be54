"""Which build of MLX fits this machine; standard library only, since it is asked before anything is installed."""

import platform
import subprocess
import sys
from dataclasses import dataclass

BUILDS = ("metal", "cuda13", "cuda12", "cpu")
CHOICES = ("auto", *BUILDS, "none")
"""`none` installs the API alone, for a machine whose workers run elsewhere."""

CUDA13_DRIVER = (580,)
CUDA12_DRIVER = (550, 54, 14)
OLDEST_GPU = (7, 5)
"""Compute capability that MLX's CUDA kernels need."""
OLDEST_MACOS = (14,)
OLDEST_GLIBC = (2, 35)


class NoBuild(Exception):
    """MLX has no build for this machine; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Machine:
    system: str
    """As sys.platform has it: `linux`, `darwin`."""
    arch: str
    macos: tuple[int, ...] = ()
    glibc: tuple[int, ...] = ()
    """Empty where the C library is another one."""
    nvidia_driver: tuple[int, ...] = ()
    """Empty if no driver answers."""
    compute_capability: tuple[int, ...] = ()


def choose(machine: Machine) -> str:
    """The extra of pyproject.toml to install: one of BUILDS. Raise NoBuild if none runs."""
    if machine.system == "darwin":
        if machine.arch != "arm64":
            raise NoBuild("MLX has no build for Intel Macs; `make setup MLX=none` installs the API alone.")
        if machine.macos < OLDEST_MACOS:
            raise NoBuild("MLX needs macOS 14 or newer; `make setup MLX=none` installs the API alone.")
        return "metal"
    if machine.glibc < OLDEST_GLIBC:
        raise NoBuild(
            "MLX needs a Linux with glibc 2.35 or newer (Ubuntu 22.04, Debian 12, Fedora 36); "
            "`make setup MLX=none` installs the API alone."
        )
    if machine.nvidia_driver and machine.compute_capability >= OLDEST_GPU:
        if machine.nvidia_driver >= CUDA13_DRIVER:
            return "cuda13"
        if machine.nvidia_driver >= CUDA12_DRIVER:
            return "cuda12"
    return "cpu"


def probe() -> Machine:
    driver, capability = parse_nvidia(_ask_nvidia()) if sys.platform == "linux" else ((), ())
    libc, libc_version = platform.libc_ver()
    return Machine(
        system=sys.platform,
        arch=platform.machine(),
        macos=_numbers(platform.mac_ver()[0]),
        glibc=_numbers(libc_version) if libc == "glibc" else (),
        nvidia_driver=driver,
        compute_capability=capability,
    )


def parse_nvidia(answer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(driver, compute capability) of the first GPU; both empty if the answer names none."""
    driver, _, capability = (answer.splitlines() or [""])[0].partition(",")
    return _numbers(driver.strip()), _numbers(capability.strip())


def _ask_nvidia() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout if said.returncode == 0 else ""


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".") if version else []
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
