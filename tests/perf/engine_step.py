"""Compare the engine's decode step with the bare loop over the same model, in one run; prints a table of ratios.

    python -m tests.perf.engine_step [MODEL_FOLDER] [--bursts 12] [--batches 1,8,32]

The bare loop is greedy, over rows of one length, on mlx-lm's batch cache; "alike" is the same through the engine, and
"unlike" rows differ in their settings and lengths. Bursts of a few steps of the bare loop and of the engine alternate,
so that whatever else the machine does slows both; each ratio is the median over the pairs of bursts.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx_lm.models.cache import BatchKVCache  # isort: skip

PROMPT_TOKENS = 24
BURST_STEPS = 4
UNLIKE: tuple[dict[str, Any], ...] = (
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"temperature": 0.7, "top_p": 0.9},
    {"temperature": 1.2, "top_k": 50},
    {"temperature": 1.0, "top_k": 200, "top_p": 0.95},
)


def _prompt(row: int, length: int = PROMPT_TOKENS) -> tuple[int, ...]:
    return tuple(np.random.default_rng(row).integers(1000, 30000, length).tolist())


class BareLoop:
    """Greedy decoding as one would write it by hand, the next step launched before the last one is read."""

    def __init__(self, engine: MlxEngine, batch: int) -> None:
        self._model = engine._loaded.model
        self._cache = [BatchKVCache([0] * batch) for _ in self._model.layers]
        prompts = mx.array([_prompt(row) for row in range(batch)])
        self._tokens = mx.argmax(self._model(prompts, cache=self._cache)[:, -1], axis=-1)
        mx.eval(self._tokens)

    def step(self) -> None:
        following = mx.argmax(self._model(self._tokens[:, None], cache=self._cache)[:, -1], axis=-1)
        mx.async_eval(following)  # type: ignore[no-untyped-call]
        self._tokens.tolist()
        self._tokens = following


def burst_s(step: Callable[[], object]) -> float:
    """Seconds a step, once the pipeline is full."""
    step()
    started = time.perf_counter()
    for _ in range(BURST_STEPS):
        step()
    seconds = time.perf_counter() - started
    mx.synchronize()
    return seconds / BURST_STEPS


def compare(engine: MlxEngine, bare: BareLoop, sequences: list[Sequence], bursts: int) -> tuple[float, float, float]:
    """Milliseconds a step of the bare loop and of the engine, and the ratio of the two."""
    for sequence in sequences:
        engine.add(sequence)
        while engine.prefill(sequence.id, 512):
            pass
    pairs = [(burst_s(bare.step), burst_s(engine.decode)) for _ in range(bursts)]
    for sequence in sequences:
        engine.remove(sequence.id)
    return (
        1000 * median(plain for plain, _ in pairs),
        1000 * median(ours for _, ours in pairs),
        median(plain / ours for plain, ours in pairs),
    )


def alike(batch: int) -> list[Sequence]:
    return [Sequence(str(row), _prompt(row), SamplingParams(max_tokens=4096, temperature=0)) for row in range(batch)]


def unlike(batch: int) -> list[Sequence]:
    return [
        Sequence(str(row), _prompt(row, PROMPT_TOKENS // 2 + row * PROMPT_TOKENS // batch), params)
        for row in range(batch)
        for params in [SamplingParams(max_tokens=4096, seed=row, **UNLIKE[row % len(UNLIKE)])]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--bursts", type=int, default=12)
    parser.add_argument("--batches", default="1,8,32")
    options = parser.parse_args()
    engine = MlxEngine(options.model)
    table = Table(title=f"{options.model.name} on {engine.info.device.name}, {engine.info.compute_type}")
    for heading in ("rows", "kind", "bare ms", "engine ms", "bare/engine", "tokens/s"):
        table.add_column(heading, justify="right")
    for batch in map(int, options.batches.split(",")):
        bare = BareLoop(engine, batch)
        for kind, sequences in (("alike", alike(batch)), ("unlike", unlike(batch))):
            plain_ms, ours_ms, ratio = compare(engine, bare, sequences, options.bursts)
            table.add_row(
                str(batch), kind, f"{plain_ms:.1f}", f"{ours_ms:.1f}", f"{ratio:.3f}", f"{1000 * batch / ours_ms:.1f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
