"""Measure what a long prompt does to streams that decode, and they to it, in one run; prints both ratios.

    python -m tests.perf.interleaving [MODEL_FOLDER] [--prompt 6000] [--streams 8] [--steps 40] [--rounds 1] [--gpu]

Bars: the streams' p99 inter-token latency while the prompt comes in is at most 2.5 times the undisturbed median, and
the prompt's prefill gets at least half its undisturbed rate. Through the real loop and scheduler, without Redis.
"""

import argparse
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import GenerationRequest, SamplingParams
from queue_config.settings import CHECKOUT
from tests.support.worker import output_of
from workers.generation import Cancel, Emission, Generation, Submit
from workers.loop import EngineLoop
from workers.mlx_engine.engine import MlxEngine
from workers.pace import Pace
from workers.scheduler import Scheduler
from workers.sequence import Sequence

LONG = "long"


@dataclass(slots=True)
class Bench:
    """A loop over an engine, and when each of its streams got its tokens."""

    engine: MlxEngine
    tokens_at: dict[str, list[float]] = field(default_factory=dict)
    chunks: list[int] = field(default_factory=list)
    loop: EngineLoop = field(init=False)

    def __post_init__(self) -> None:
        scheduler = Scheduler.of(self.engine, 64, Pace(self.engine.chunk_sizes))
        self.loop = EngineLoop(self.engine, scheduler, self._note, lambda _job_id: None)
        prefill = self.engine.prefill

        def noting(sequence_id: str, max_tokens: int) -> int:
            self.chunks.append(max_tokens)
            return prefill(sequence_id, max_tokens)

        self.engine.prefill = noting  # type: ignore[method-assign]

    def submit(self, name: str, prompt_tokens: int, max_tokens: int) -> None:
        prompt = tuple(np.random.default_rng(len(name) + prompt_tokens).integers(1000, 30000, prompt_tokens).tolist())
        params = SamplingParams(max_tokens=max_tokens, temperature=0)
        request = GenerationRequest(
            id=name, model="", prompt=prompt, sampling=params, created_at=0.0, deadline_at=float("inf")
        )
        self.tokens_at[name] = []
        self.loop.inbox.put(Submit(Generation(request, Sequence(name, prompt, params), output_of(params))))

    def turn_until(self, name: str, tokens: int) -> None:
        while len(self.tokens_at[name]) < tokens:
            self.loop.turn()

    def clear(self) -> None:
        for name in self.tokens_at:
            self.loop.inbox.put(Cancel(name))
        self.loop.turn()
        self.tokens_at.clear()

    def _note(self, emission: Emission) -> None:
        if emission.delta is not None:
            self.tokens_at[emission.job_id].append(time.perf_counter())


def gaps_ms(at: list[float], since: float, until: float) -> list[float]:
    """Between tokens of which the second came in that time."""
    return [1000 * (b - a) for a, b in pairwise(at) if since <= b <= until]


@dataclass(frozen=True, slots=True)
class Round:
    calm_ms: list[float]
    disturbed_ms: list[float]
    alone_s: float
    among_s: float
    chunk: float


def one_round(engine: MlxEngine, prompt: int, streams: int, steps: int) -> Round:
    bench = Bench(engine)
    bench.submit(LONG, prompt, 8)
    started = time.perf_counter()
    bench.turn_until(LONG, 1)
    alone_s = bench.tokens_at[LONG][0] - started
    bench.clear()

    names = [str(index) for index in range(streams)]
    for name in names:
        bench.submit(name, 64, 2000)
    bench.turn_until(names[-1], 5)
    calm_from = time.perf_counter()
    bench.turn_until(names[-1], 5 + steps)
    came_at = time.perf_counter()
    bench.chunks.clear()
    bench.submit(LONG, prompt, 8)
    bench.turn_until(LONG, 1)
    began_at = bench.tokens_at[LONG][0]
    calm = [gap for name in names for gap in gaps_ms(bench.tokens_at[name], calm_from, came_at)]
    disturbed = [gap for name in names for gap in gaps_ms(bench.tokens_at[name], came_at, began_at)]
    chunk = median(bench.chunks)
    bench.clear()
    return Round(calm, disturbed, alone_s, began_at - came_at, chunk)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--prompt", type=int, default=6000)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--gpu", action="store_true")
    options = parser.parse_args()
    engine = MlxEngine(options.model, "gpu" if options.gpu else "cpu")
    table = Table(title=f"{options.prompt} tokens among {options.streams} streams, {engine.device}")
    for heading in (
        "calm p50 ms",
        "with prompt",
        "p99",
        "p99/calm",
        "prompt alone tok/s",
        "among",
        "ratio",
        "chunk",
    ):
        table.add_column(heading, justify="right")
    for _ in range(options.rounds):
        one = one_round(engine, options.prompt, options.streams, options.steps)
        calm, p99 = median(one.calm_ms), quantiles(one.disturbed_ms, n=100)[98]
        table.add_row(
            f"{calm:.1f}", f"{median(one.disturbed_ms):.1f}", f"{p99:.1f}", f"{p99 / calm:.2f}",
            f"{options.prompt / one.alone_s:.1f}", f"{options.prompt / one.among_s:.1f}",
            f"{one.alone_s / one.among_s:.2f}", f"{one.chunk:.0f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
