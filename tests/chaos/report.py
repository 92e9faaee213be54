"""Report: what a campaign came to, fault by fault, as it is kept in docs/reliability/*.json."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from queue_config.settings import CHECKOUT
from tests.chaos.faults import Fault
from tests.chaos.ledger import Entry, Ledger
from tests.chaos.prompts import damage
from tests.chaos.recovery import Blow, blow_of, p50, recoveries_s

RESULTS = CHECKOUT / "docs" / "reliability"


@dataclass(slots=True)
class Row:
    fault: str
    times: int = 0
    accepted: int = 0
    lost: int = 0
    missing: int = 0
    duplicated: int = 0
    broken_promises: int = 0
    """Events sent twice, streams that ended in silence, and the like."""
    disturbed: int | None = None
    """How often a fault found a request under way whose pause can be told."""
    late: int | None = None
    """How many of those pauses were longer than the bar."""
    recovery_p50_s: float | None = None
    recovery_max_s: float | None = None
    bar_s: float | None = None

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.missing or self.duplicated or self.broken_promises)

    @property
    def is_in_time(self) -> bool:
        return self.bar_s is None or (self.recovery_max_s or 0.0) <= self.bar_s


@dataclass(slots=True)
class Report:
    name: str
    machine: dict[str, Any]
    options: dict[str, Any]
    note: str = ""
    """What a reader has to know of this run."""
    rows: list[Row] = field(default_factory=list)
    totals: dict[str, Any] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    """Each entry that was lost or damaged, as its client saw it."""

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    @classmethod
    def read(cls, path: Path) -> Self:
        content = orjson.loads(path.read_bytes())
        return cls(**content | {"rows": [Row(**row) for row in content["rows"]]})


def rows_of(ledger: Ledger, blows: Sequence[Blow], faults: Sequence[Fault]) -> list[Row]:
    """One a fault, in the order in which they came."""
    bars = {fault.name: fault.bar_s for fault in faults}
    rows = {name: Row(name, bar_s=bars[name]) for name in dict.fromkeys(blow.fault for blow in blows)}
    recoveries: dict[str, list[float]] = {name: [] for name in rows}
    accepted = [entry for entry in ledger.entries if entry.accepted_at]
    for blow in blows:
        rows[blow.fault].times += 1
        recoveries[blow.fault] += recoveries_s(accepted, blow)
    for entry in accepted:
        counted_under = blow_of(entry, blows)
        if counted_under is not None:
            _count(rows[counted_under.fault], entry)
    for name, row in rows.items():
        row.disturbed = len(recoveries[name])
        row.late = sum(seconds > row.bar_s for seconds in recoveries[name]) if row.bar_s is not None else 0
        row.recovery_p50_s = p50(recoveries[name])
        row.recovery_max_s = max(recoveries[name], default=None)
    return list(rows.values())


def _count(row: Row, entry: Entry) -> None:
    row.accepted += 1
    row.lost += entry.is_lost
    row.broken_promises += len(entry.faults)
    missing, duplicated = damage_of(entry)
    row.missing += missing
    row.duplicated += duplicated


def damage_of(entry: Entry) -> tuple[int, int]:
    """Of an answer that was not completed, what there is must be its beginning."""
    right = entry.prompt.answer
    if entry.outcome != "succeeded":
        right = entry.text if right.startswith(entry.text) else right
    return damage(right, entry.text)


def troubles_of(ledger: Ledger) -> list[str]:
    bad = [e for e in ledger.entries if e.accepted_at and (e.is_lost or e.faults or damage_of(e) != (0, 0))]
    return [f"{e.kind} {e.id}: {e.outcome or 'no end'} {e.why} {e.faults} {damage_of(e)} {e.text[-80:]!r}" for e in bad]
