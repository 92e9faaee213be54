"""Compare decode steps over rows of equal and of unlike lengths with the bare loop; prints a table of ratios.

    python -m tests.perf.uneven_rows [SHAPE] [--columns 512] [--batches 1,32,64] [--steps 30] [--rounds 2]

Weights and KV are random, so nothing has to be loaded or prefilled. The bare loop is greedy over rows of one length on
mlx-lm's plain cache, without a mask: the fastest that mlx-lm alone does. "Spread" rows are from 0.4 to 1.6 times as
long as the equal ones, 1 to 4. "Masked" is spread rows through the model's own attention, which CUDA is slow at.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from workers.mlx_engine.attention_choice import kv_rows
from workers.mlx_engine.batch import DecodeBatch, Newcomer
from workers.mlx_engine.batch_rows import Row
from workers.mlx_engine.device import choose
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.sampler import Sampler

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx_lm.models import llama  # isort: skip
from mlx_lm.models.cache import KVCache  # isort: skip

SHAPES: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336, "vocab_size": 128256,
                     "num_attention_heads": 32, "num_key_value_heads": 8},
    # As many bytes and products as Phi-3-mini, whose projections are fewer and wider.
    "phi-3-mini": {"hidden_size": 3072, "num_hidden_layers": 32, "intermediate_size": 8192, "vocab_size": 32064,
                   "num_attention_heads": 32, "num_key_value_heads": 32},
    "smollm2-135m": {"hidden_size": 576, "num_hidden_layers": 30, "intermediate_size": 1536, "vocab_size": 49152,
                     "num_attention_heads": 9, "num_key_value_heads": 3},
}  # fmt: skip


def _kv(args: llama.ModelArgs, rows: int, columns: int, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
    width = args.hidden_size // args.num_attention_heads
    keys, values = (mx.random.normal((rows, args.num_key_value_heads, columns, width)).astype(dtype) for _ in range(2))
    mx.eval(keys, values)
    return keys, values


def _median_ms(step: Callable[[], object], count: int) -> float:
    taken = []
    for index in range(count + 5):
        started = time.perf_counter()
        step()
        # The first ones fill the pipeline and compile.
        if index >= 5:
            taken.append(time.perf_counter() - started)
    return 1000 * median(taken)


def bare(model: llama.Model, dtype: mx.Dtype, batch: int, columns: int, count: int) -> float:
    cache = [KVCache() for _ in model.layers]
    for layer in cache:
        layer.update_and_fetch(*_kv(model.args, batch, columns, dtype))
    tokens = mx.zeros((batch,), mx.int32)

    def step() -> None:
        nonlocal tokens
        following = mx.argmax(model(tokens[:, None], cache=cache)[:, -1], axis=-1)
        mx.async_eval(following)  # type: ignore[no-untyped-call]
        tokens.tolist()
        tokens = following

    taken = _median_ms(step, count)
    mx.synchronize()
    return taken


def through_rows(batch: DecodeBatch, dtype: mx.Dtype, lengths: list[int], count: int) -> float:
    args = batch.model.args
    keys, values = _kv(args, 1, max(lengths), dtype)
    logits = mx.random.normal((1, args.vocab_size)).astype(dtype)
    for index, length in enumerate(sorted(lengths, reverse=True)):
        one = KVCache()
        one.keys, one.values, one.offset = keys, values, length
        row = Row(str(index), SamplingParams(max_tokens=1 << 20, temperature=0), 0)
        batch.join(Newcomer(row, [one] * len(batch.model.layers), length), logits)
    taken = _median_ms(batch.step, count)
    mx.synchronize()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="llama-3.1-8b")
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--batches", default="1,32,64")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    device = choose("auto")
    dtype = mx.float32 if device.kind == "cpu" else mx.bfloat16
    model = llama.Model(llama.ModelArgs(model_type="llama", rms_norm_eps=1e-5, **SHAPES[options.shape]))
    model.set_dtype(dtype)
    mx.eval(model.parameters())
    best = kv_rows(model, device)
    table = Table(title=f"{options.shape} shape on {device.name}, {options.columns} columns, ms a step")
    for heading in ("batch", "bare", "equal", "bare/equal", "spread", "bare/spread", "masked", "bare/masked"):
        table.add_column(heading, justify="right")
    for batch in map(int, options.batches.split(",")):
        equal = [options.columns] * batch
        spread = np.linspace(0.4 * options.columns, 1.6 * options.columns, batch).astype(int).tolist()
        taken: dict[str, list[float]] = {"bare": [], "equal": [], "spread": [], "masked": []}
        for _ in range(options.rounds):
            taken["bare"].append(bare(model, dtype, batch, options.columns, options.steps))
            for name, lengths, rows in (
                ("equal", equal, KVRows(best.attention, best._row_copy)),
                ("spread", spread, KVRows(best.attention, best._row_copy)),
                ("masked", spread, KVRows()),
            ):
                decode = DecodeBatch(model, Sampler(device.candidates), kv=rows)
                taken[name].append(through_rows(decode, dtype, lengths, options.steps))
                mx.clear_cache()
        ms = {name: median(values) for name, values in taken.items()}
        cells = [f"{batch}", f"{ms['bare']:.1f}"]
        for name in ("equal", "spread", "masked"):
            cells += [f"{ms[name]:.1f}", f"{ms['bare'] / ms[name]:.2f}"]
        table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
