"""The bars that the project has set itself, and what the runs say of each: reached, missed or not measured."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.perf.bench import report as names
from tests.perf.bench.asks import ALIKE, KINDS, UNEVEN, UNLIKE
from tests.perf.bench.report import BARE, ENGINE, MLX_LM, PENSIEVE, Report

SIZES = [1, 8, 16, 32, 64]
LONG_TOKENS = 6000
"""What these bars call a long prompt; a run with a shorter one says nothing of them."""
CPU, PHI, LLAMA = "smollm2", "phi-3-mini", "llama-3.1-8b"


@dataclass(frozen=True, slots=True)
class Bar:
    text: str
    model: str
    """What the name of a run's model begins with."""
    on_gpu: bool
    value: Callable[[Report], float | None]
    bound: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    text: str
    verdict: str
    where: str = ""


def step(rows: int, kind: str = ALIKE) -> Callable[[Report], float | None]:
    return lambda report: report.median(names.STEP_RATIO, ENGINE, rows, kind)


def rates(above: str, below: str, streams: int, kind: str) -> Callable[[Report], float | None]:
    return lambda report: report.ratio(above, below, streams, kind)


def quotient(above: str, below: str, gaps: bool = False) -> Callable[[Report], float | None]:
    """Of two of Pensieve's own measures."""

    def value(report: Report) -> float | None:
        if report.options["long_tokens"] < LONG_TOKENS:
            return None
        streams = report.options["gap_streams"] if gaps else 1
        a = report.median(above, PENSIEVE, 1 if above == names.COLD_S else streams, ALIKE)
        b = report.median(below, PENSIEVE, streams, ALIKE)
        return None if a is None or b is None else a / b

    return value


def uneven(report: Report) -> float | None:
    even, other = step(64)(report), step(64, UNEVEN)(report)
    return None if even is None or other is None else other / even


def worst_against_mlx_lm(report: Report) -> float | None:
    found = [report.ratio(PENSIEVE, MLX_LM, n, kind) for n in report.streams() for kind in KINDS]
    worst = min((ratio for ratio in found if ratio is not None), default=None)
    # One bad cell is enough to miss the bar; to reach it, every size has to be there.
    return worst if worst is not None and (worst < 1 or report.streams() == SIZES) else None


def finishes(report: Report) -> float | None:
    """The share of Pensieve's cells with unlike settings that finished."""
    cells = [report.find(names.RATE, PENSIEVE, n, UNLIKE) for n in SIZES]
    found = [cell for cell in cells if cell is not None and (cell.values or cell.unfinished)]
    return sum(not cell.unfinished for cell in found) / len(found) if len(found) == len(SIZES) else None


def overhead(report: Report) -> float | None:
    return report.median(names.OVERHEAD_MS, PENSIEVE, 1, ALIKE)


def _bars() -> Iterator[Bar]:
    for model, on_gpu, machine in ((CPU, False, "CPU"), (PHI, True, "GPU, Phi-3-mini shape")):
        for rows, bound in ((1, 0.95), (32, 0.95), (64, 0.9)):
            text = f"{machine}: bare step / engine step, same sampler, even lengths, {rows} rows: at least {bound}"
            yield Bar(text, model, on_gpu, step(rows), bound)
    yield Bar(
        "GPU, Llama-3.1-8B shape: of that, with lengths 1 to 4, 64 rows: at least 0.75", LLAMA, True, uneven, 0.75
    )
    for model, on_gpu, machine, cells in (
        (CPU, False, "CPU", ((8, 0.9), (32, 0.9))),
        (PHI, True, "GPU, Phi-3-mini shape", ((1, 0.9), (64, 0.8))),
    ):
        for streams, bound in cells:
            text = f"{machine}: Pensieve / bare loop, all settings different, {streams} streams: at least {bound}"
            yield Bar(text, model, on_gpu, rates(PENSIEVE, BARE, streams, UNLIKE), bound)
    for model, on_gpu, machine in ((CPU, False, "CPU"), (PHI, True, "GPU, Phi-3-mini shape")):
        text = f"{machine}: Pensieve / mlx_lm.server, the worst cell in which both finished: at least 1.0"
        yield Bar(text, model, on_gpu, worst_against_mlx_lm, 1.0)
        text = f"{machine}: Pensieve finishes with all settings different, share of cells: 1"
        yield Bar(text, model, on_gpu, finishes, 1.0)
    yield Bar("GPU, Phi-3-mini shape: Pensieve / mlx_lm.server, one setting, 64 streams: at least 3", PHI, True,
              rates(PENSIEVE, MLX_LM, 64, ALIKE), 3.0)  # fmt: skip
    yield Bar("CPU: first token with the prefix cached / cold: at most 1/15", CPU, False,
              quotient(names.CACHED_S, names.COLD_S), 1 / 15, at_most=True)  # fmt: skip
    yield Bar("CPU: service overhead of a warm hit, ms, p50: at most 20", CPU, False, overhead, 20, at_most=True)
    yield Bar("CPU: gap p99 with a long prompt arriving / calm median: at most 2.5", CPU, False,
              quotient(names.AMONG_P99_MS, names.CALM_P50_MS, gaps=True), 2.5, at_most=True)  # fmt: skip
    yield Bar("CPU: the long prompt's rate among the streams / alone: at least 0.5", CPU, False,
              quotient(names.COLD_S, names.LONG_AMONG_S, gaps=True), 0.5)  # fmt: skip


BARS = tuple(_bars())


def judged(reports: list[Report]) -> list[tuple[Bar, Verdict]]:
    """Each bar, with what the run that it is about says; the canary run is a test and not among them."""
    return [(bar, _judge(bar, reports)) for bar in BARS]


def _judge(bar: Bar, reports: list[Report]) -> Verdict:
    for report in reports:
        on_gpu = report.machine["device_kind"] != "cpu"
        if not report.model["name"].startswith(bar.model) or on_gpu != bar.on_gpu:
            continue
        value = bar.value(report)
        if value is None:
            continue
        reached = value <= bar.bound if bar.at_most else value >= bar.bound
        short = abs(value / bar.bound - 1)
        verdict = "reached" if reached else f"missed by {short:.0%}"
        return Verdict(f"{value:.3g}", verdict, "see the note of its run" if report.note else "")
    return Verdict("-", "not measured yet")
