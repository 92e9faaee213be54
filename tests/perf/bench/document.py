"""docs/BENCHMARKS.md from the runs that lie in docs/benchmarks: rewritten whole, so that no figure is typed by hand.

`python -m tests.perf.bench.document` does only that.
"""

from pathlib import Path

from tests.perf.bench import report as names
from tests.perf.bench.asks import ALIKE, KINDS, UNEVEN
from tests.perf.bench.bars import judged
from tests.perf.bench.plots import plot_rates
from tests.perf.bench.report import BARE, ENGINE, MLX_LM, PENSIEVE, RESULTS, Report
from tests.perf.page import hardware, table

TARGETS = (BARE, ENGINE, PENSIEVE, MLX_LM)
HEAD = """\
# Benchmarks

`make bench` measures and writes this page; nothing here was typed by hand. Each section is one run on one machine, and
ratios are taken within a run only, between cells that were measured one after the other: the median over the repeats.

- **bare loop**: mlx-lm's model and batch cache in a loop as one would write it by hand, all prompts processed at once,
  the next step launched before the last one is read, tokens drawn by the engine's own vectorised sampler.
- **engine**: Pensieve's engine in the same process, over the same weights.
- **Pensieve**: a service of its own, started by `pensieve start`, asked through Anthropic's client.
- **mlx_lm.server**: a process of its own with the same BLAS, asked as OpenAI's clients ask, and asked again where
  it resets a connection; its concurrency is raised to the number of streams. It keeps at most 4 GB of free buffers,
  and on a GPU runs for its own cells alone, since with 64 rows it came to 46 of an H100's 80 GB and kept them.

All load one folder of weights in the type that the device computes in. Tokens a second are those of all streams
together, as the servers count them, from the first request to the last end, prompts included as time. "One setting" is
greedy; "all different" gives every stream another temperature and other top_p and top_k. Answers run to their full
length: the output rows of tokens that would end them are zero. A cell that took longer than the limit says so instead
of a figure, and more streams are then not tried. Gaps are those between two pieces of text as a reader sees them; a
piece may hold several tokens.

`make bench MODEL=phi-3-mini-shape` (or `llama-3.1-8b-shape`) makes a model of random weights in that shape first, for
machines that can fetch none. `python -m tests.perf.bench phi-3-mini-shape --no-http` needs neither Redis nor a client
library. Each run leaves a file in `docs/benchmarks`, from which `python -m tests.perf.bench.document` writes this page.
"""


def rewrite(results: Path = RESULTS) -> list[Path]:
    """Write the page beside the folder, and the plots into it; return what was written."""
    reports = [(path, Report.read(path)) for path in sorted(results.glob("*.json"))]
    plots = [(path.with_suffix(".svg"), report) for path, report in reports]
    drawn = [plot_rates(report, plot) for plot, report in plots if report.streams()]
    page = results.parent / "BENCHMARKS.md"
    sections = [HEAD, _bars([report for _, report in reports])]
    sections += [section(report, plot.relative_to(page.parent)) for plot, report in plots]
    page.write_text("\n".join(sections))
    return [page, *drawn]


def section(report: Report, plot: Path) -> str:
    """One run, which may have left out rates, steps or all else."""
    return "\n".join(
        [
            f"## {report.model['name']} on {report.machine['device']}",
            "",
            _circumstances(report),
            *(["", f"**{report.note}**"] if report.note else []),
            "",
            *(_with_plot(report, plot) if report.streams() else []),
            *_steps(report),
            "",
            *_others(report),
            "",
        ]
    )


def _with_plot(report: Report, plot: Path) -> list[str]:
    return [*_rates(report), "", f"![Tokens a second by streams]({plot.as_posix()})", ""]


def _circumstances(report: Report) -> str:
    machine, model, options = report.machine, report.model, report.options
    sentences = (
        hardware(machine),
        f"weights {model['bytes'] / 1e9:.2f} GB as {model['type']}",
        f"commit {machine['commit']}, {machine['at']}",
        ", ".join(f"{name} {number}" for name, number in machine["versions"].items()),
        f"answers of {options['max_tokens']} tokens",
        f"at most {options['repeats']} repeats, {options['long_repeats']} with the long prompt",
        f"limit {options['limit_s']:.0f} s a cell",
        f"load average before the run {machine['load_before']}",
    )
    return "; ".join(sentences) + "."


def _bars(reports: list[Report]) -> str:
    rows = [(bar.text, f"{v.text}, {v.where}" if v.where else v.text, v.verdict) for bar, v in judged(reports)]
    return "\n".join(["## The bars", "", *table(("bar", "measured", ""), rows), ""])


def _rates(report: Report) -> list[str]:
    rows = [
        (
            kind,
            str(streams),
            *(_figure(report, names.RATE, target, streams, kind) for target in TARGETS),
            *(_ratio(report.ratio(PENSIEVE, other, streams, kind)) for other in (BARE, MLX_LM)),
        )
        for kind in KINDS
        for streams in report.streams()
    ]
    heads = ("tokens/s", "streams", *TARGETS, "Pensieve / bare loop", "Pensieve / mlx_lm.server")
    return table(heads, rows)


def _steps(report: Report) -> list[str]:
    kinds = (*KINDS, UNEVEN)
    rows = [
        (str(streams), *(_figure(report, names.STEP_RATIO, ENGINE, streams, kind, 3) for kind in kinds))
        for streams in report.streams(names.STEP_RATIO)
    ]
    return table((f"{names.STEP_RATIO}, rows", *kinds), rows) if rows else []


def _others(report: Report) -> list[str]:
    streams = report.options["gap_streams"]
    long = f"prompt of {report.options['long_tokens']} tokens"
    lines = [(names.COLD_S, 1, 2), (names.CACHED_S, 1, 3), (names.OVERHEAD_MS, 1, 1)]
    lines += [(n, streams, 1) for n in (names.CALM_P50_MS, names.CALM_P99_MS, names.AMONG_P50_MS, names.AMONG_P99_MS)]
    lines += [(names.LONG_AMONG_S, streams, 2)]
    rows = [
        (measure, *(_figure(report, measure, target, n, ALIKE, digits) for target in (PENSIEVE, MLX_LM)))
        for measure, n, digits in lines
        if any(report.find(measure, target, n, ALIKE) for target in (PENSIEVE, MLX_LM))
    ]
    return table((f"{long}; gaps of {streams} streams", PENSIEVE, MLX_LM), rows) if rows else []


def _figure(report: Report, measure: str, target: str, streams: int, kind: str, digits: int = 1) -> str:
    cell = report.find(measure, target, streams, kind)
    if cell is None:
        return "-"
    return f"{cell.median:.{digits}f}" if cell.median is not None else cell.unfinished


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    rewrite()
