"""The prompt cache on disk: time to the first token after a restart, and what writing costs those who decode.

`python -m tests.perf.disk_prefix MODEL_DIR [--tokens 6000] [--rows 8]`: the prompt is that many random tokens; after
the restart it has another last line.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from tests.perf.cached_prefix import TAIL_TOKENS, _prompt, first_token
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS
from workers.mlx_engine.prompt_cache_spill import DiskSpace, Spill
from workers.mlx_engine.prompt_cache_tree import Prefix, pack
from workers.sequence import Sequence

ROUNDS, STEPS = 12, 5
"""Decode steps are measured in turns, so many with the writer busy and so many without."""
ROOMY = 4_000_000_000


def made(folder: Path, disk: Path) -> tuple[MlxEngine, Spill]:
    engine = MlxEngine(folder, cache_bytes=ROOMY, cache_disk=DiskSpace(disk, ROOMY))
    spill = engine._prompt_cache._spill
    assert spill is not None
    # Whatever is done once only, done.
    first_token(engine, _prompt(10, 99)[-TAIL_TOKENS:], 0)
    return engine, spill


def tidied(engine: MlxEngine, spill: Spill) -> tuple[float, float]:
    """Seconds until all was handed over, and until it was written too."""
    began = time.perf_counter()
    slowest = 0.0
    while engine.tidy() or spill._disk._waiting:
        slice_began = time.perf_counter()
        engine.tidy()
        slowest = max(slowest, time.perf_counter() - slice_began)
    return time.perf_counter() - began, slowest


def steps(engine: MlxEngine, spill: Spill, prompt: tuple[int, ...], rows: int) -> tuple[float, float, int]:
    """Medians of a decode step's seconds with nothing to write, and with; and the bytes written meanwhile."""
    prefix = Prefix("", pack(prompt), len(prompt) - len(prompt) % BLOCK_TOKENS)
    sampling = SamplingParams(max_tokens=4 * ROUNDS * STEPS, temperature=0)
    for row in range(rows):
        engine.add(Sequence(f"row {row}", prompt[row : row + 40], sampling))
        while engine.prefill(f"row {row}", engine.prefill_chunk):
            pass
    idle: list[float] = []
    busy: list[float] = []
    written = 0
    for turn in range(2 * ROUNDS):
        is_busy = turn % 2 == 1
        if is_busy:
            spill._disk._known = frozenset()
            spill.want(prefix, prefix.length)
        for _ in range(STEPS):
            before = spill._outbox.copied_bytes
            began = time.perf_counter()
            engine.decode()
            took = time.perf_counter() - began
            written += spill._outbox.copied_bytes - before
            (busy if is_busy else idle).append(took)
        # Nor the rest of a block that is half copied: the steps that follow are those without.
        spill._outbox._urgent.clear()
        spill._outbox._leaving = None
        while spill._disk._waiting:
            time.sleep(0.001)
    for row in range(rows):
        engine.remove(f"row {row}", keep=False)
    engine.decode()
    return statistics.median(idle), statistics.median(busy), written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--rows", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as disk:
        engine, spill = made(arguments.model_dir, Path(disk))
        table = Table(title=f"{arguments.tokens} tokens, {engine.device}", show_header=False)
        cold = first_token(engine, _prompt(arguments.tokens, 1), 1)
        table.add_row("first token, cold", f"{cold[0]:.2f} s ({cold[1]:.2f} s of processor time)")
        took, slowest = tidied(engine, spill)
        files = list(Path(disk).glob("*/*.kv"))
        size = sum(path.stat().st_size for path in files)
        table.add_row("written when idle", f"{size / 1e6:.0f} MB in {len(files)} files, {size / took / 1e6:.0f} MB/s")
        table.add_row("longest slice", f"{1000 * slowest:.0f} ms")
        idle, busy, written = steps(engine, spill, _prompt(arguments.tokens, 1), arguments.rows)
        table.add_row(f"step of {arguments.rows}", f"{1000 * idle:.1f} ms, while writing {1000 * busy:.1f}")
        table.add_row("ratio", f"{busy / idle:.3f}, {written / ROUNDS / STEPS / 1e6:.1f} MB copied a step")
        engine.close()
        del engine, spill
        engine, _ = made(arguments.model_dir, Path(disk))
        warm = first_token(engine, _prompt(arguments.tokens, 2), 2)
        table.add_row("first token after a restart", f"{warm[0]:.2f} s ({warm[1]:.2f} s)")
        table.add_row("ratio to cold", f"1/{cold[0] / warm[0]:.0f} (1/{cold[1] / warm[1]:.0f})")
        held = first_token(engine, _prompt(arguments.tokens, 3), 3)
        table.add_row("the next one, from memory", f"{held[0]:.2f} s ({held[1]:.2f} s)")
        engine.close()
    Console().print(table)


if __name__ == "__main__":
    main()
