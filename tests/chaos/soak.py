"""`python -m tests.chaos.soak`: a low load for a long time, and what every process's memory does meanwhile."""

import argparse
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from rich.console import Console

from tests.chaos.clients import Clients
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.report import RESULTS, troubles_of
from tests.chaos.testbed import Testbed
from tests.perf.bench.machine import machine

EVERY_S = 10.0
RESULT_TTL_S = 60
"""Results are forgotten this soon, so that a short soak has as many going as coming."""


@dataclass(frozen=True, slots=True)
class Soak:
    """Resident memory by process, one value in EVERY_S; `slopes` in MiB per 10 minutes, after warm-up."""

    machine: dict[str, Any]
    minutes: float
    warm_up_minutes: float
    readers: int
    accepted: int
    troubles: list[str]
    at_s: list[float]
    rss_mib: dict[str, list[float]]
    slopes: dict[str, float]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE))

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**orjson.loads(path.read_bytes()))


def resident_mib(pid: int) -> float:
    """Of one process, now."""
    statm = Path(f"/proc/{pid}/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(said) / 1024


def slope_per_10_min(at_s: list[float], mib: list[float], from_s: float) -> float:
    """MiB, by least squares over what was seen from `from_s` on."""
    points = [(at, value) for at, value in zip(at_s, mib, strict=True) if at >= from_s]
    seconds, values = zip(*points, strict=True)
    return float(np.polyfit(seconds, values, 1)[0]) * 600


def soak(minutes: float, warm_up_minutes: float, readers: int) -> Soak:
    before = machine("fake")
    ledger = Ledger()
    with Testbed(result_ttl_s=RESULT_TTL_S) as testbed, Load(Clients(testbed.url, ledger), readers):
        pids = {"API": testbed.api_children()[0], "worker": testbed.pid("worker"), "Redis": testbed.pid("redis")}
        began_at = time.monotonic()
        at_s: list[float] = []
        rss: dict[str, list[float]] = {name: [] for name in pids}
        while (elapsed_s := time.monotonic() - began_at) < minutes * 60:
            at_s.append(round(elapsed_s, 1))
            for name, pid in pids.items():
                rss[name].append(round(resident_mib(pid), 2))
            time.sleep(EVERY_S)
    slopes = {name: round(slope_per_10_min(at_s, values, warm_up_minutes * 60), 2) for name, values in rss.items()}
    accepted = sum(bool(entry.accepted_at) for entry in ledger.entries)
    return Soak(before, minutes, warm_up_minutes, readers, accepted, troubles_of(ledger), at_s, rss, slopes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--warm-up-minutes", type=float, default=5)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    os.nice(options.nice)
    found = soak(options.minutes, options.warm_up_minutes, options.readers)
    found.write(options.results / "soak.json")
    Console().print(found.slopes, found.accepted, found.troubles)


if __name__ == "__main__":
    main()
