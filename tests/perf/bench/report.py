"""Report: what one run measured, as it is kept in docs/benchmarks/*.json; ratios are within one run only."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

import orjson

from queue_config.settings import CHECKOUT

RESULTS = CHECKOUT / "docs" / "benchmarks"

CACHE_BYTES = 4 << 30
"""Of the prompt caches, ours in this process and the service's: three processes share the device, where "auto" would
give each of them most of it. mlx_lm.server may keep as much of buffers that are free."""

BARE, ENGINE, PENSIEVE, MLX_LM = "bare loop", "engine", "Pensieve", "mlx_lm.server"

RATE = "tokens/s"
STEP_RATIO = "bare step / engine step"
COLD_S, CACHED_S = "first token, cold, s", "first token, prefix cached, s"
OVERHEAD_MS = "service overhead of a warm hit, ms"
CALM_P50_MS, CALM_P99_MS = "gap p50, calm, ms", "gap p99, calm, ms"
AMONG_P50_MS, AMONG_P99_MS = "gap p50, long prompt arriving, ms", "gap p99, long prompt arriving, ms"
LONG_AMONG_S = "first token of the long prompt among the streams, s"


@dataclass(slots=True)
class Cell:
    """One figure of one target, once a repeat; `unfinished` says why there is none (or no more)."""

    measure: str
    target: str
    streams: int = 1
    kind: str = ""
    values: list[float] = field(default_factory=list)
    unfinished: str = ""

    @property
    def median(self) -> float | None:
        return median(self.values) if self.values and not self.unfinished else None


@dataclass(slots=True)
class Report:
    machine: dict[str, Any]
    model: dict[str, Any]
    options: dict[str, Any]
    note: str = ""
    """What a reader has to know before taking the figures for true."""
    cells: list[Cell] = field(default_factory=list)

    def cell(self, measure: str, target: str, streams: int = 1, kind: str = "") -> Cell:
        """The cell of that name, made if there is none yet."""
        found = self.find(measure, target, streams, kind)
        if found is None:
            found = Cell(measure, target, streams, kind)
            self.cells.append(found)
        return found

    def find(self, measure: str, target: str, streams: int = 1, kind: str = "") -> Cell | None:
        wanted = (measure, target, streams, kind)
        return next((c for c in self.cells if (c.measure, c.target, c.streams, c.kind) == wanted), None)

    def median(self, measure: str, target: str, streams: int = 1, kind: str = "") -> float | None:
        cell = self.find(measure, target, streams, kind)
        return cell.median if cell else None

    def ratio(self, above: str, below: str, streams: int, kind: str) -> float | None:
        """Of two targets' rates: the median over the repeats, in each of which they were measured side by side."""
        ours, theirs = self.find(RATE, above, streams, kind), self.find(RATE, below, streams, kind)
        if ours is None or theirs is None or ours.median is None or theirs.median is None:
            return None
        return median(a / b for a, b in zip(ours.values, theirs.values, strict=False))

    def streams(self, measure: str = RATE) -> list[int]:
        return sorted({cell.streams for cell in self.cells if cell.measure == measure})

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    @classmethod
    def read(cls, path: Path) -> Self:
        content = orjson.loads(path.read_bytes())
        return cls(**content | {"cells": [Cell(**cell) for cell in content["cells"]]})
