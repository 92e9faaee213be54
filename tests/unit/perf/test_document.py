"""docs/BENCHMARKS.md, written from runs."""

from dataclasses import replace
from pathlib import Path

from tests.perf.bench.asks import ALIKE
from tests.perf.bench.document import rewrite
from tests.perf.bench.report import BARE, ENGINE, MLX_LM, PENSIEVE, RATE, STEP_RATIO, Cell, Report

RUN = Report(
    machine={
        "device": "a processor", "device_kind": "cpu", "processor": "a processor", "cores": 2, "memory_gb": 8.0,
        "system": "Linux", "load_before": 0.1, "commit": "abc", "at": "today", "versions": {"mlx": "1"},
    },
    model={"name": "smollm2-135m-instruct", "type": "float32", "bytes": 5 * 10**8},
    options={
        "max_tokens": 64, "repeats": 3, "long_repeats": 1, "limit_s": 150.0, "gap_streams": 8, "long_tokens": 6000,
    },
    note="others used the machine",
    cells=[
        Cell(RATE, BARE, 8, ALIKE, [100.0, 120.0, 80.0]),
        Cell(RATE, PENSIEVE, 8, ALIKE, [90.0, 60.0, 80.0]),
        Cell(RATE, MLX_LM, 8, ALIKE, [], "not finished in 150 s"),
        Cell(STEP_RATIO, ENGINE, 8, ALIKE, [0.97]),
    ],
)  # fmt: skip


def test_a_row_has_the_medians_the_ratios_and_what_was_given_up(tmp_path: Path) -> None:
    RUN.write(tmp_path / "benchmarks" / "run.json")
    rewrite(tmp_path / "benchmarks")
    lines = (tmp_path / "BENCHMARKS.md").read_text().splitlines()

    assert "| one setting | 8 | 100.0 | - | 80.0 | not finished in 150 s | 0.90 | - |" in lines
    assert "| 8 | 0.970 | - | - |" in lines
    assert "**others used the machine**" in lines


def test_the_same_runs_give_the_same_files(tmp_path: Path) -> None:
    RUN.write(tmp_path / "benchmarks" / "run.json")
    first = [path.read_bytes() for path in rewrite(tmp_path / "benchmarks")]
    second = [path.read_bytes() for path in rewrite(tmp_path / "benchmarks")]

    assert first == second
    assert first[1].startswith(b"<?xml")


def test_a_run_of_steps_alone_has_no_table_of_rates_and_no_plot(tmp_path: Path) -> None:
    steps = replace(RUN, cells=[cell for cell in RUN.cells if cell.measure == STEP_RATIO])
    steps.write(tmp_path / "benchmarks" / "run.json")
    written = rewrite(tmp_path / "benchmarks")

    assert written == [tmp_path / "BENCHMARKS.md"]
    assert "tokens/s" not in written[0].read_text()
    assert "| 8 | 0.970 | - | - |" in written[0].read_text().splitlines()
