"""Time to the first token of a long prompt, cold and with its prefix in the cache, and what keeping it costs.

`python -m tests.perf.cached_prefix MODEL_DIR [--tokens 6000]`: the prompt is that many random tokens; the warm one has
another last line, as a conversation's next turn would.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.prompt_cache import PromptCache
from workers.mlx_engine.prompt_cache_tree import Prefix, pack
from workers.sequence import Sequence

TAIL_TOKENS = 16


def _prompt(tokens: int, turn: int) -> tuple[int, ...]:
    common = np.random.default_rng(0).integers(10, 10_000, tokens)
    return (*common.tolist(), *np.random.default_rng(turn).integers(10, 10_000, TAIL_TOKENS).tolist())


def first_token(engine: MlxEngine, prompt: tuple[int, ...], turn: int) -> tuple[float, float]:
    """Seconds, and seconds of processor time, which others on the machine disturb less."""
    sequence = Sequence(str(turn), prompt, SamplingParams(max_tokens=4, temperature=0))
    began, cpu_began = time.perf_counter(), time.process_time()
    engine.add(sequence)
    while engine.prefill(sequence.id, engine.prefill_chunk):
        pass
    engine.decode()
    took = time.perf_counter() - began, time.process_time() - cpu_began
    engine.remove(sequence.id)
    engine.decode()
    return took


def keep_s(engine: MlxEngine, prompt: tuple[int, ...]) -> float:
    """To copy a whole prompt in at once: the longest that the engine thread can be held up by one that leaves."""
    cache: PromptCache = engine._prompt_cache
    key = pack(prompt)
    length, caches = cache.restore(Prefix("", key, len(prompt) - 1), len(prompt))
    began = time.perf_counter()
    cache.keep(Prefix("a new tenant", key, length), caches, writer="nobody")
    return time.perf_counter() - began


def find_s(engine: MlxEngine, prompt: tuple[int, ...]) -> float:
    prefix, rounds = Prefix("", pack(prompt), len(prompt) - 1), 100
    began = time.perf_counter()
    for _ in range(rounds):
        engine._prompt_cache.find(prefix)
    return (time.perf_counter() - began) / rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--warm", type=int, default=3, help="warm prompts, of which the best counts")
    arguments = parser.parse_args()
    engine = MlxEngine(arguments.model_dir, cache_bytes=4_000_000_000)
    # Whatever is done once only, done.
    first_token(engine, _prompt(10, 1)[-TAIL_TOKENS:], 0)
    cold = first_token(engine, _prompt(arguments.tokens, 1), 1)
    warm = min(first_token(engine, _prompt(arguments.tokens, turn), turn) for turn in range(2, 2 + arguments.warm))
    table = Table(title=f"{arguments.tokens} tokens, {engine.device}", show_header=False)
    table.add_row("first token, cold", f"{cold[0]:.2f} s ({cold[1]:.2f} s of processor time)")
    table.add_row("first token, cached", f"{warm[0]:.2f} s ({warm[1]:.2f} s)")
    table.add_row("ratio", f"1/{cold[0] / warm[0]:.0f} (1/{cold[1] / warm[1]:.0f})")
    table.add_row("held", f"{engine.cache_bytes / 1e6:.0f} MB")
    table.add_row("keep it in one go", f"{1000 * keep_s(engine, _prompt(arguments.tokens, 1)):.0f} ms")
    table.add_row("find it", f"{1e6 * find_s(engine, _prompt(arguments.tokens, 1)):.0f} µs")
    Console().print(table)


if __name__ == "__main__":
    main()
