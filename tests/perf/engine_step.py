"""Compare the engine's decode step with the bare loop over the same model, in one run; prints a table of ratios.

    python -m tests.perf.engine_step [MODEL_FOLDER] [--steps 12] [--rounds 3] [--batches 1,8,32]

The bare loop is greedy, over rows of one length, on mlx-lm's batch cache. "Unlike" rows differ in their settings and
lengths. Rounds of all three alternate, so that a busy machine slows all of them; figures are medians over all steps.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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

PROMPT_TOKENS = 64
UNLIKE: tuple[dict[str, Any], ...] = (
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"temperature": 0.7, "top_p": 0.9},
    {"temperature": 1.2, "top_k": 50},
    {"temperature": 1.0, "top_k": 200, "top_p": 0.95},
)


@dataclass(slots=True)
class Steps:
    """Durations in seconds of one way of decoding at one batch size."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return 1000 * median(self.seconds)

    def time(self, step: Callable[[], object], count: int) -> None:
        for index in range(count + 2):
            started = time.perf_counter()
            step()
            # The first two fill the pipeline.
            if index > 1:
                self.seconds.append(time.perf_counter() - started)


def _prompt(row: int, length: int = PROMPT_TOKENS) -> tuple[int, ...]:
    return tuple(np.random.default_rng(row).integers(1000, 30000, length).tolist())


def bare(engine: MlxEngine, batch: int, count: int, steps: Steps) -> None:
    model = engine._loaded.model
    cache = [BatchKVCache([0] * batch) for _ in model.layers]
    prompts = mx.array([_prompt(row) for row in range(batch)])
    tokens = mx.argmax(model(prompts, cache=cache)[:, -1], axis=-1)
    mx.eval(tokens)

    def step() -> None:
        nonlocal tokens
        following = mx.argmax(model(tokens[:, None], cache=cache)[:, -1], axis=-1)
        mx.async_eval(following)  # type: ignore[no-untyped-call]
        tokens.tolist()
        tokens = following

    steps.time(step, count)
    mx.eval(tokens)


def through_engine(engine: MlxEngine, sequences: list[Sequence], count: int, steps: Steps) -> None:
    for sequence in sequences:
        engine.add(sequence)
        while engine.prefill(sequence.id, 512):
            pass
    steps.time(engine.decode, count)
    for sequence in sequences:
        engine.remove(sequence.id)


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
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="1,8,32")
    options = parser.parse_args()
    engine = MlxEngine(options.model)
    table = Table(title=f"{options.model.name} on {engine.info.device.name}, {engine.info.compute_type}")
    for heading in ("batch", "bare ms", "engine ms", "bare/engine", "unlike ms", "bare/unlike", "engine tokens/s"):
        table.add_column(heading, justify="right")
    for batch in map(int, options.batches.split(",")):
        plain, same, mixed = Steps(), Steps(), Steps()
        for _ in range(options.rounds):
            bare(engine, batch, options.steps, plain)
            through_engine(engine, alike(batch), options.steps, same)
            through_engine(engine, unlike(batch), options.steps, mixed)
        table.add_row(
            str(batch), f"{plain.median_ms:.1f}", f"{same.median_ms:.1f}", f"{plain.median_ms / same.median_ms:.3f}",
            f"{mixed.median_ms:.1f}", f"{plain.median_ms / mixed.median_ms:.3f}",
            f"{1000 * batch / same.median_ms:.1f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
