"""Plots of a run as SVG, which the document shows: readable on white and on black."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.perf.bench.asks import KINDS
from tests.perf.bench.report import BARE, ENGINE, MLX_LM, PENSIEVE, RATE, Report

COLOURS = {BARE: "#888888", ENGINE: "#2a78c2", PENSIEVE: "#d9541e", MLX_LM: "#8a4fbf"}


def plot_rates(report: Report, path: Path) -> Path:
    """Tokens a second by streams, one panel a kind of settings; a cell without a figure has no point."""
    # The same figures give the same file, which git then sees as unchanged.
    with mpl.rc_context({"svg.hashsalt": "pensieve", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        panels = figure.subplots(1, len(KINDS), sharey=True, squeeze=False)[0]
        for panel, kind in zip(panels, KINDS, strict=True):
            for target, colour in COLOURS.items():
                found = [(n, report.median(RATE, target, n, kind)) for n in report.streams()]
                points = [(n, rate) for n, rate in found if rate is not None]
                panel.plot(*zip(*points, strict=True) if points else ([], []), "o-", color=colour, label=target)
            panel.set_title(kind)
            panel.set_xlabel("streams")
            panel.set_xscale("log", base=2)
            panel.set_xticks(report.streams(), [str(n) for n in report.streams()])
            panel.grid(alpha=0.3)
        panels[0].set_ylabel("tokens/s, all streams")
        panels[0].set_ylim(bottom=0)
        panels[0].legend()
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
