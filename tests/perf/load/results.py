"""Result: what one scenario came to, as it is kept in docs/load/SCENARIO.json."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from queue_config.settings import CHECKOUT

RESULTS = CHECKOUT / "docs" / "load"


@dataclass(frozen=True, slots=True)
class Bar:
    """One of the issue's bars, and how it went."""

    text: str
    measured: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario found."""

    bars: list[Bar]
    facts: dict[str, Any]
    """Further figures, by names that say their units."""


@dataclass(frozen=True, slots=True)
class Result:
    scenario: str
    machine: dict[str, Any]
    scale: float
    bars: list[Bar]
    facts: dict[str, Any] = field(default_factory=dict)
    load_after: float = field(default_factory=lambda: round(os.getloadavg()[0], 2))
    """The machine's load average at the end, the scenario's own included."""
    note: str = ""
    """What a reader has to know of this run."""

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (folder / f"{self.scenario}.json").write_bytes(content)

    @classmethod
    def read(cls, path: Path) -> Self:
        content = orjson.loads(path.read_bytes())
        return cls(**content | {"bars": [Bar(**bar) for bar in content["bars"]]})
