"""What a run was made on: machine, commit and versions, without which its figures mean nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from queue_config.settings import CHECKOUT


def machine(device: str, made_at: str = "") -> dict[str, Any]:
    """`device` is what the engine computes on; `made_at` the commit, where the files are a copy without git."""
    return {
        "device": device,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "commit": made_at or commit(),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version(), **_versions("mlx", "mlx-lm", "cmeel-openblas", "anthropic")},
    }


def commit() -> str:
    """The checkout's commit; "+ changes" where files differ from it, "unknown" where there is no git."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        return f"{head} + changes" if _git("status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
