"""Measure what the first requests after a start wait, beside the same requests later; with and without warm-up.

    python -m tests.perf.first_request [MODEL_FOLDER] [--cold] [--gpu] [--batch 32]

Each line is a request of a new kind: its prompt's length and its sampling have not been seen since the start. Run it
once with --cold and once without: two processes, since what is compiled stays compiled.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.warm_up import KINDS, warm_up
from workers.sequence import Sequence

PROMPTS = (5, 40, 300, 700, 1500, 3000)
TOKENS = 8


def request_s(engine: MlxEngine, prompt_tokens: int, kind: int) -> tuple[float, float]:
    """Seconds to the first token, and to the last."""
    prompt = tuple(np.random.default_rng(prompt_tokens).integers(10, 1000, prompt_tokens).tolist())
    sequence = Sequence("one", prompt, SamplingParams(max_tokens=TOKENS, **KINDS[kind]))
    began_at = time.perf_counter()
    engine.add(sequence)
    while engine.prefill("one", engine.prefill_chunk):
        pass
    first_s = 0.0
    for _ in range(TOKENS):
        engine.decode()
        first_s = first_s or time.perf_counter() - began_at
    engine.remove("one", keep=False)
    return first_s, time.perf_counter() - began_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    engine = MlxEngine(options.model, "gpu" if options.gpu else "cpu")
    began_at = time.perf_counter()
    if not options.cold:
        warm_up(engine, options.batch)
    table = Table(title=f"{engine.device}, warmed up for {time.perf_counter() - began_at:.1f} s")
    for heading in ("prompt", "first token ms", "all ms", "later: first token ms", "all ms"):
        table.add_column(heading, justify="right")
    for index, prompt_tokens in enumerate(PROMPTS):
        early = request_s(engine, prompt_tokens, index % len(KINDS))
        later = min(request_s(engine, prompt_tokens, index % len(KINDS)) for _ in range(2))
        table.add_row(str(prompt_tokens), *(f"{1000 * seconds:.1f}" for seconds in (*early, *later)))
    Console().print(table)


if __name__ == "__main__":
    main()
