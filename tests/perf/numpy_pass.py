"""Compare passes of 8 rows and some tokens of a prompt on a CPU: NumPy's, and those that MLX drives.

    python -m tests.perf.numpy_pass [MODEL_FOLDER] [--contexts 300,3000] [--tokens 16,32,48,128] [--rounds 5]

The engine's own turns, with the one and the other in turns. For models that NumpyPass knows. Each cell is MLX's pass,
NumPy's, and the ratio; the prompt goes on by what is measured.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.numpy_pass import NumpyPass
from workers.mlx_engine.pass_choice import stopping_pass
from workers.sequence import Sequence

ROWS = 8
ROW_TOKENS = 100
"""That each of them begins with."""


def _took_ms(engine: MlxEngine, tokens: int) -> float:
    began = time.perf_counter()
    _turn(engine, tokens)
    return 1000 * (time.perf_counter() - began)


def _turn(engine: MlxEngine, tokens: int) -> None:
    if tokens:
        engine.prefill("long", tokens)
    engine.decode()


def _join(engine: MlxEngine, sequence: Sequence) -> None:
    engine.add(sequence)
    while engine.prefill(sequence.id, engine.prefill_chunk):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.numpy_pass", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--contexts", default="300,1500,3000,6000")
    parser.add_argument("--tokens", default="16,32,48,128")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sizes, contexts = ([int(one) for one in given.split(",")] for given in (options.tokens, options.contexts))
    engine = MlxEngine(options.model, device="cpu")
    ways = (stopping_pass(engine._loaded.model), NumpyPass(engine._loaded.model))
    prompt = np.random.default_rng(2).integers(100, 20_000, 2 * max(contexts) + 8 * options.rounds * sum(sizes))
    for row in range(ROWS):
        sampling = SamplingParams(max_tokens=10**6, seed=row)
        _join(engine, Sequence(f"{row}", tuple(prompt[row:ROW_TOKENS].tolist()), sampling))
    engine.add(Sequence("long", tuple(prompt.tolist()), SamplingParams(max_tokens=1)))
    steps = [_took_ms(engine, 0) for _ in range(4 * options.rounds)]
    table = Table("tokens of the prompt", *map(str, sizes), title=f"{ROWS} rows, ms; a step: {median(steps):.0f}")
    done = 0
    for context in contexts:
        while done < context:
            _turn(engine, 128)
            done += 128
        cells = []
        for size in sizes:
            took: tuple[list[float], list[float]] = ([], [])
            for _ in range(options.rounds):
                for way, own in zip(ways, took, strict=True):
                    engine._batch.shared_pass = way
                    own.append(_took_ms(engine, size))
                    done += size
            mlx, numpy = map(median, took)
            cells.append(f"{mlx:.0f}, {numpy:.0f}, {numpy / mlx:.2f}")
        table.add_row(f"behind {context}", *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
