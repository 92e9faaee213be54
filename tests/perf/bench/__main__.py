"""Run the benchmarks and keep the figures, of which `tests.perf.bench.document` makes docs/BENCHMARKS.md.

On a machine without Pensieve's own dependencies, as a lent GPU often is, `--no-http` measures what is in process.
"""

import argparse
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from models.families import family_for
from models.tokenizer import Tokenizer
from queue_config.settings import CHECKOUT
from tests.perf.bench.bench_model import prepare
from tests.perf.bench.in_process import BareTarget, EngineTarget
from tests.perf.bench.machine import machine
from tests.perf.bench.over_http import HttpTarget
from tests.perf.bench.report import CACHE_BYTES, RESULTS, Report
from tests.perf.bench.scenarios import Plan, Run
from tests.perf.shapes import SHAPES, write_shape
from workers.mlx_engine.engine import MlxEngine

SCENARIOS = ("steps", "rates", "first_tokens", "gaps")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.bench", description=__doc__)
    parser.add_argument("model", nargs="?", default=str(CHECKOUT / "models" / "smollm2-135m-instruct"),
                        help=f"a model folder, or a shape of random weights: {', '.join(SHAPES)}")  # fmt: skip
    parser.add_argument("--streams", default="1,8,16,32,64", help="how many at once; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="of each cell; the median counts")
    parser.add_argument("--long-repeats", type=int, default=3, help="of what needs the long prompt")
    parser.add_argument("--budget-s", type=float, default=7200, help="for all; what hasn't begun by then is left out")
    parser.add_argument("--max-tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--limit-s", type=float, default=150, help="for one cell; a longer one is given up")
    parser.add_argument("--long-tokens", type=int, default=6000, help="of the long prompt")
    parser.add_argument("--gap-streams", type=int, default=8, help="that run while the long prompt comes in")
    parser.add_argument("--calm-s", type=float, default=10)
    parser.add_argument("--warm-hits", type=int, default=15)
    parser.add_argument("--step-bursts", type=int, default=8)
    parser.add_argument("--step-tokens", type=int, default=0, help="of a row's prompt; default: CPU 24, GPU 512")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--no-http", action="store_true", help="measure the bare loop and the engine only")
    parser.add_argument("--note", default="", help="what readers of the figures must know of this run")
    parser.add_argument("--commit", default="", help="of these files, where they lie outside their git checkout")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that the JSON goes to")
    return parser.parse_args()


def main() -> None:
    options = _options()
    say = Console(soft_wrap=True, highlight=False).print
    with tempfile.TemporaryDirectory(prefix="pensieve-bench-") as scratch, ExitStack() as stack:
        run = _run(options, Path(scratch), stack, say)
        say("warming up")
        run.warm_up()
        for scenario in options.scenarios.split(","):
            getattr(run, scenario)()
    say(f"wrote {run.path}")


def _run(options: argparse.Namespace, scratch: Path, stack: ExitStack, say: Callable[[str], object]) -> Run:
    source = Path(options.model)
    if options.model in SHAPES:
        source = write_shape(scratch / "source" / options.model, options.model)
    folder = prepare(source, scratch / source.name)
    before = machine("", options.commit)
    engine = MlxEngine(folder, cache_bytes=CACHE_BYTES)
    report = Report(
        machine=before | {"device": engine.device, "device_kind": engine.info.device.kind},
        model={"name": source.name, "type": engine.info.compute_type, "bytes": engine.info.weights_bytes},
        options={},
        note=options.note,
    )
    tokenizer, family = Tokenizer.load(folder), family_for(folder)
    streams = tuple(map(int, options.streams.split(",")))
    on_cpu = engine.info.device.kind == "cpu"
    plan = Plan(
        streams=streams,
        repeats=options.repeats,
        long_repeats=options.long_repeats,
        max_tokens=options.max_tokens,
        limit_s=options.limit_s,
        long_tokens=options.long_tokens,
        gap_streams=options.gap_streams,
        calm_s=options.calm_s,
        warm_hits=options.warm_hits,
        step_bursts=options.step_bursts,
        step_tokens=options.step_tokens or (24 if on_cpu else 512),
        budget_s=options.budget_s,
    )
    report.options = asdict(plan)
    http = [] if options.no_http else _http_targets(folder, scratch, stack, plan)
    name = re.sub(r"[^a-z0-9]+", "-", f"{source.name} {engine.device}".lower()).strip("-")
    return Run(
        report, plan, engine, tokenizer,
        (BareTarget(engine, family, tokenizer), EngineTarget(engine, family, tokenizer)),
        http, options.results / f"{name}.json", say,
    )  # fmt: skip


def _http_targets(folder: Path, scratch: Path, stack: ExitStack, plan: Plan) -> list[HttpTarget]:
    # Only here: --no-http shall run where there is no client library.
    from tests.perf.bench.mlx_lm_http import MlxLmTarget  # noqa: PLC0415
    from tests.perf.bench.pensieve_http import PensieveTarget  # noqa: PLC0415

    largest = max(*plan.streams, plan.gap_streams + 1)
    return [
        stack.enter_context(PensieveTarget(folder, scratch / "home", largest, plan.limit_s)),
        stack.enter_context(MlxLmTarget(folder, scratch / "mlx_lm.log", largest)),
    ]


if __name__ == "__main__":
    main()
