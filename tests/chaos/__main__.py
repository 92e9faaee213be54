"""Run the campaign, print its table and keep it, for `tests.chaos.document` to make docs/RELIABILITY.md of."""

import argparse
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import Say, inflict, mixed_kills
from tests.chaos.clients import Clients
from tests.chaos.faults import KILLS, OTHERS, Fault
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load, some_words
from tests.chaos.real_model import MAX_TOKENS, undisturbed, write_model
from tests.chaos.recovery import Blow, p50
from tests.chaos.report import RESULTS, Report, rows_of, troubles_of
from tests.chaos.testbed import Testbed
from tests.perf.bench.machine import machine


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=24, help="half workers, a quarter the API, a quarter Redis")
    parser.add_argument("--spacing-s", type=float, default=7.0, help="from one kill to the next, at least")
    parser.add_argument("--only", default="", help="of the other faults, those with this in their name, or none")
    parser.add_argument("--times", type=int, default=1, help="how often each of the others")
    parser.add_argument("--real", action="store_true", help="a small real model instead of the stand-in")
    parser.add_argument("--readers", type=int, default=9, help="clients at a time")
    parser.add_argument("--nice", type=int, default=0, help="how much everything gives way to other work")
    parser.add_argument("--note", default="", help="what readers of the table must know of this run")
    parser.add_argument("--name", default="faults", help="of the file that is kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that it goes to")
    return parser.parse_args()


@dataclass(slots=True)
class Run:
    """What has happened so far."""

    options: argparse.Namespace
    say: Say
    ledger: Ledger = field(default_factory=Ledger)
    blows: list[Blow] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    """The machine's load average behind each blow."""
    overtaken_writes: int = 0

    def on_testbed(self, faults: Sequence[Fault], workers: int, *, settles: bool) -> None:
        if not faults:
            return
        with ExitStack() as stack:
            model = self._model(stack)
            testbed = stack.enter_context(Testbed(workers, **model))
            clients = Clients(testbed.url, self.ledger, MAX_TOKENS if model else 1000)
            asked = undisturbed(testbed.url) if model else some_words
            with Load(clients, self.options.readers, asked) as load:
                spacing_s = self.options.spacing_s
                for blow in inflict(faults, testbed, load, self.say, spacing_s=spacing_s, settles=settles):
                    self.blows.append(blow)
                    self.loads.append(os.getloadavg()[0])
            self.overtaken_writes += testbed.overtaken_writes()

    def _model(self, stack: ExitStack) -> dict[str, object]:
        """Settings of the engine; none for the stand-in."""
        if not self.options.real:
            return {}
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pensieve-model-"))) / "chaos"
        return {"engine": "mlx", "model": str(write_model(folder))}

    def report(self, before: dict[str, object]) -> Report:
        asked = {name: value for name, value in vars(self.options).items() if name not in {"results", "note"}}
        rows = rows_of(self.ledger, self.blows, [*KILLS, *OTHERS])
        totals = totals_of(self.ledger) | {
            "overtaken_writes": self.overtaken_writes,
            "load_p50": p50(self.loads),
            "load_max": max(self.loads, default=None),
        }
        troubles = troubles_of(self.ledger)
        return Report(self.options.name, before, asked, self.options.note, rows, totals, troubles)


def main() -> int:
    options = _options()
    os.nice(options.nice)
    # So that what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(soft_wrap=True, highlight=False, width=150)
    before = machine("fake")
    chosen = [fault for fault in OTHERS if options.only in fault.name for _ in range(options.times)]
    run = Run(options, console.print)
    try:
        run.on_testbed(mixed_kills(options.kills), 1, settles=False)
        for workers in (1, 2):
            run.on_testbed([fault for fault in chosen if fault.workers == workers], workers, settles=True)
    finally:
        report = run.report(before)
        report.write(options.results / f"{options.name}.json")
        console.print(table(report))
        for trouble in report.troubles:
            console.print(trouble, markup=False)
    return 0 if all(row.is_clean and row.is_in_time for row in report.rows) else 1


def totals_of(ledger: Ledger) -> dict[str, Any]:
    refused = Counter(str(refusal.status or "no answer") for refusal in ledger.refusals)
    answered = [refusal.seconds for refusal in ledger.refusals if refusal.status]
    return {
        "accepted": sum(bool(entry.accepted_at) for entry in ledger.entries),
        "kinds": dict(ledger.kinds()),
        "comebacks": sum(entry.comebacks for entry in ledger.entries),
        "refused": dict(refused),
        "slowest_refusal_s": round(max(answered, default=0.0), 2),
        "refused_without_retry_after": sum(r.status == 529 and not r.has_retry_after for r in ledger.refusals),
    }


def table(report: Report) -> Table:
    shown = Table("fault", "times", "accepted", "lost", "missing", "duplicated", "broken", "p50 s", "max s", "bar s")
    for row in report.rows:
        counts = (row.times, row.accepted, row.lost, row.missing, row.duplicated, row.broken_promises)
        seconds = (row.recovery_p50_s, row.recovery_max_s, row.bar_s)
        shown.add_row(row.fault, *map(str, counts), *("-" if s is None else f"{s:.1f}" for s in seconds))
    shown.caption = ", ".join(f"{name} {value}" for name, value in report.totals.items())
    return shown


if __name__ == "__main__":
    raise SystemExit(main())
