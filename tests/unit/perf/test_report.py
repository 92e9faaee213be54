"""What the benchmarks make of their figures."""

from pathlib import Path

import pytest

from tests.perf.bench import report as names
from tests.perf.bench.asks import ALIKE, UNLIKE
from tests.perf.bench.bars import BARS, judged
from tests.perf.bench.report import BARE, MLX_LM, PENSIEVE, RATE, Cell, Report


def report_of(*cells: Cell, note: str = "", long_tokens: int = 6000) -> Report:
    machine = {"device": "a processor", "device_kind": "cpu"}
    return Report(
        machine, {"name": "smollm2-135m-instruct"}, {"gap_streams": 8, "long_tokens": long_tokens}, note, list(cells)
    )


def verdicts(report: Report) -> dict[str, tuple[str, str, str]]:
    """Of the bars that the report says anything of."""
    found = [(bar, v) for bar, v in judged([report]) if v.verdict != "not measured yet"]
    return {bar.text: (v.text, v.verdict, v.where) for bar, v in found}


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = report_of(Cell(RATE, BARE, 8, ALIKE, [1.5, 2.5]), Cell(RATE, MLX_LM, 8, ALIKE, [], "not finished in 9 s"))
    report.write(tmp_path / "made" / "run.json")

    assert Report.read(tmp_path / "made" / "run.json") == report


def test_a_ratio_is_the_median_of_those_within_each_repeat() -> None:
    # The machine was ten times as slow in the second repeat, for both.
    ours, theirs = Cell(RATE, PENSIEVE, 8, ALIKE, [80, 8, 90]), Cell(RATE, BARE, 8, ALIKE, [100, 10, 100])

    assert report_of(ours, theirs).ratio(PENSIEVE, BARE, 8, ALIKE) == pytest.approx(0.8)


def test_a_cell_that_was_given_up_has_no_figure_even_if_it_began_with_one() -> None:
    stalled = Cell(RATE, MLX_LM, 8, UNLIKE, [5.0], "not finished in 150 s")
    report = report_of(Cell(RATE, PENSIEVE, 8, UNLIKE, [50.0, 50.0]), stalled)

    assert stalled.median is None
    assert report.ratio(PENSIEVE, MLX_LM, 8, UNLIKE) is None


def test_a_bar_says_by_how_much_it_was_missed_and_whether_its_run_has_a_note() -> None:
    cells = (Cell(RATE, PENSIEVE, 8, UNLIKE, [72]), Cell(RATE, BARE, 8, UNLIKE, [100]))

    assert verdicts(report_of(*cells, note="others worked")) == {
        "CPU: Pensieve / bare loop, all settings different, 8 streams: at least 0.9": (
            "0.72", "missed by 20%", "see the note of its run",
        ),
    }  # fmt: skip


def test_a_bar_from_above_is_reached_below_it() -> None:
    cells = (
        Cell(names.COLD_S, PENSIEVE, 1, ALIKE, [30.0]), Cell(names.CACHED_S, PENSIEVE, 1, ALIKE, [1.0]),
        Cell(names.OVERHEAD_MS, PENSIEVE, 1, ALIKE, [10.0, 30.0, 30.0]),
        Cell(names.CALM_P50_MS, PENSIEVE, 8, ALIKE, [100.0]), Cell(names.AMONG_P99_MS, PENSIEVE, 8, ALIKE, [200.0]),
        Cell(names.LONG_AMONG_S, PENSIEVE, 8, ALIKE, [120.0]),
    )  # fmt: skip

    assert verdicts(report_of(*cells)) == {
        "CPU: first token with the prefix cached / cold: at most 1/15": ("0.0333", "reached", ""),
        "CPU: service overhead of a warm hit, ms, p50: at most 20": ("30", "missed by 50%", ""),
        "CPU: gap p99 with a long prompt arriving / calm median: at most 2.5": ("2", "reached", ""),
        "CPU: the long prompt's rate among the streams / alone: at least 0.5": ("0.25", "missed by 50%", ""),
    }


def test_a_shorter_prompt_says_nothing_of_the_bars_for_a_long_one() -> None:
    cells = Cell(names.COLD_S, PENSIEVE, 1, ALIKE, [3.0]), Cell(names.CACHED_S, PENSIEVE, 1, ALIKE, [1.0])

    assert verdicts(report_of(*cells, long_tokens=600)) == {}


def test_the_mixed_cells_finish_only_if_those_of_every_size_were_run() -> None:
    cells = [Cell(RATE, PENSIEVE, streams, UNLIKE, [1.0]) for streams in (1, 8, 16, 32)]
    text = "CPU: Pensieve finishes with all settings different, share of cells: 1"

    assert verdicts(report_of(*cells)) == {}
    assert verdicts(report_of(*cells, Cell(RATE, PENSIEVE, 64, UNLIKE, [], "stalled"))) == {
        text: ("0.8", "missed by 20%", "")
    }


def test_what_no_run_has_measured_is_said_to_be_so() -> None:
    assert {verdict.verdict for _, verdict in judged([])} == {"not measured yet"}
    assert len({bar.text for bar in BARS}) == len(BARS)
