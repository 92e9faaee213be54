"""Run the scenarios, print how each bar went and keep it, for `tests.perf.load.document` to make docs/LOAD.md of."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.perf.bench.machine import machine
from tests.perf.load import cache_timing, hostile, idle_streams, overload, slow_clients, slow_reader
from tests.perf.load.conditions import Conditions
from tests.perf.load.document import rewrite
from tests.perf.load.results import RESULTS, Outcome, Result

SCENARIOS: dict[str, Callable[[Conditions], Outcome]] = {
    "hostile": hostile.run,
    "slow-reader": slow_reader.run,
    "slow-clients": slow_clients.run,
    "overload": overload.run,
    "cache-timing": cache_timing.run,
    "idle-streams": idle_streams.run,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.load", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario; may be given again")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long idle streams are held")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of clients and of the times")
    parser.add_argument("--nice", type=int, default=0, help="how much everything gives way to other work")
    parser.add_argument("--note", default="", help="what readers of the page must know of this run")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that they go to")
    return parser.parse_args()


def main() -> int:
    options = _options()
    os.nice(options.nice)
    conditions = Conditions(options.scale, options.minutes)
    console = Console(highlight=False)
    missed = 0
    for name in options.only or SCENARIOS:
        before = machine("mlx" if name == "cache-timing" else "fake")
        outcome = SCENARIOS[name](conditions)
        Result(name, before, options.scale, outcome.bars, outcome.facts, note=options.note).write(options.results)
        for bar in outcome.bars:
            missed += not bar.holds
            console.print(f"{name}: {bar.text}: {bar.measured} ({'met' if bar.holds else '[bold]missed[/bold]'})")
        console.print(outcome.facts)
    console.print(f"kept in {rewrite(options.results)}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
