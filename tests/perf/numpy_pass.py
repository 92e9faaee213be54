"""Measure what a pass of 8 rows and some tokens of a prompt would take on a CPU if all of it were NumPy's.

    python -m tests.perf.numpy_pass [MODEL_FOLDER] [--contexts 300,3000] [--tokens 0,16,32,48,128] [--rounds 5]

The engine's own pass waits for MLX some 60 times, since attention and the large products go through NumPy already.
Here the same weights and the same attention are driven by NumPy alone, for models that are made as Llama's are. What
it computes is compared with the model first. Each cell is the engine's pass, this one's, and the ratio, in turns. The
engine's prompt goes on by what is measured, so that in a line's last cells it is longer than this one's.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from workers.mlx_engine.chunk_attention_cpu import CpuChunkAttention
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.gemm import Floats, gemm, one_thread
from workers.sequence import Sequence

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx.utils import tree_flatten  # isort: skip

ROWS = 8
ROW_TOKENS = 100
"""That each of them has."""
Held = list[tuple[Floats, Floats]]
"""Keys and values of each layer: (rows, KV heads, columns, width), or of a prompt without the rows."""


class NumpyPass:
    """A Llama in NumPy: float32 weights without biases."""

    def __init__(self, engine: MlxEngine) -> None:
        self.engine = engine
        model = engine._loaded.model
        self.args = model.args
        self.weights = {name: np.array(value, copy=False) for name, value in tree_flatten(model.parameters())}
        self.cores = Cores()
        self.attention = CpuChunkAttention(self.cores)
        self.width = self.args.head_dim or self.args.hidden_size // self.args.num_attention_heads
        half = self.width // 2
        self.frequencies = (self.args.rope_theta ** (-np.arange(half) / half)).astype(np.float32)

    def run(self, tokens: np.ndarray, places: np.ndarray, rows: Held, prompt: Held, done: int) -> Floats:
        """Logits of each row, or where there are none of the last token alone. The prompt has `done` tokens."""
        x: Floats = self.weights["model.embed_tokens.weight"][tokens].copy()
        angles = places[:, None].astype(np.float32) * self.frequencies
        turn = partial(_turned, np.cos(angles)[:, None], np.sin(angles)[:, None])
        count = rows[0][0].shape[0]
        for layer in range(self.args.num_hidden_layers):
            part = partial(self._weights, f"model.layers.{layer}.")
            h = self._norm(x, part("input_layernorm"))
            queries, keys, values = (
                product.reshape(len(x), -1, self.width)
                for product in self._products(h, [part(f"self_attn.{name}_proj") for name in "qkv"])
            )
            queries, keys = turn(queries) * np.float32(self.width**-0.5), turn(keys)
            out = np.empty_like(queries)
            if count:
                _attend(queries[:count], keys[:count], values[:count], *rows[layer], out[:count])
            if count < len(x):
                stored = [
                    _stored(held, new[count:], done) for held, new in zip(prompt[layer], (keys, values), strict=True)
                ]
                blocks, sums = self.attention._cut(queries[count:], *stored)
                self.attention._run(blocks)
                sums.merged(out[count:].reshape(sums.out.shape[1:]))
            x += self._products(out.reshape(len(x), -1), [part("self_attn.o_proj")])[0]
            h = self._norm(x, part("post_attention_layernorm"))
            x += self._feed_forward(h, *(part(f"mlp.{name}_proj") for name in ("gate", "up", "down")))
        asked = x[:count] if count else x[-1:]
        final = next(value for name, value in self.weights.items() if name.startswith("model.norm."))
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return self._products(self._norm(asked, final), [head])[0]

    def _weights(self, layer: str, name: str) -> Floats:
        return self.weights[f"{layer}{name}.weight"]

    def _norm(self, x: Floats, weight: Floats) -> Floats:
        mean = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1]
        normed: Floats = x / np.sqrt(mean + np.float32(self.args.rms_norm_eps)) * weight
        return normed

    def _products(self, x: Floats, weights: list[Floats]) -> list[Floats]:
        """Each core computes some outputs of each."""
        outs = [np.empty((len(x), weight.shape[0]), np.float32) for weight in weights]

        def compute(share: int) -> None:
            for weight, out in zip(weights, outs, strict=True):
                own = _shares(weight.shape[0], self.cores.count)[share]
                gemm(x, weight[own], out[:, own], transposed=True)

        self.cores.run([partial(compute, share) for share in range(self.cores.count)])
        return outs

    def _feed_forward(self, x: Floats, gate: Floats, up: Floats, down: Floats) -> Floats:
        """Each core computes some of the gates, and what comes of them; the sum of that is the output."""
        shares = _shares(gate.shape[0], self.cores.count)
        outs = [np.empty_like(x) for _ in shares]

        def compute(own: slice, out: Floats) -> None:
            gates, ups = (np.empty((len(x), own.stop - own.start), np.float32) for _ in range(2))
            gemm(x, gate[own], gates, transposed=True)
            gemm(x, up[own], ups, transposed=True)
            gates /= 1 + np.exp(-gates)
            gates *= ups
            gemm(gates, down[:, own], out, transposed=True)

        self.cores.run([partial(compute, *share) for share in zip(shares, outs, strict=True)])
        for out in outs[1:]:
            outs[0] += out
        return outs[0]


def _shares(outputs: int, cores: int) -> list[slice]:
    size = -(-outputs // (cores * 16)) * 16
    return [slice(min(start, outputs), min(start + size, outputs)) for start in range(0, cores * size, size)]


def _turned(cosines: Floats, sines: Floats, x: Floats) -> Floats:
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosines - second * sines, second * cosines + first * sines], axis=-1)


def _stored(held: Floats, new: Floats, done: int) -> Floats:
    held[:, done : done + len(new)] = new.swapaxes(0, 1)
    return held[:, : done + len(new)]


def _attend(queries: Floats, new_keys: Floats, new_values: Floats, keys: Floats, values: Floats, out: Floats) -> None:
    """Each row to its own ROW_TOKENS and the new one."""
    keys[:, :, ROW_TOKENS], values[:, :, ROW_TOKENS] = new_keys, new_values
    shared = queries.reshape(len(queries), keys.shape[1], -1, queries.shape[-1])
    scores = np.matmul(shared, keys[:, :, : ROW_TOKENS + 1].swapaxes(-1, -2))
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    out[:] = np.matmul(scores, values[:, :, : ROW_TOKENS + 1]).reshape(out.shape)


def _held(of: NumpyPass, *shape: int) -> Held:
    random = np.random.default_rng(1)
    heads, layers = of.args.num_key_value_heads, of.args.num_hidden_layers
    full = (*shape[:-1], heads, shape[-1], of.width)
    return [(random.standard_normal(full, np.float32), random.standard_normal(full, np.float32)) for _ in range(layers)]


def _check(numpy_pass: NumpyPass) -> None:
    tokens = np.arange(200, 220)
    wanted = np.array(numpy_pass.engine._loaded.model(mx.array(tokens)[None])[0, -1])
    with one_thread():
        got = numpy_pass.run(tokens, np.arange(20), _held(numpy_pass, 0, 1), _held(numpy_pass, 64), 0)[0]
    assert np.allclose(got, wanted, rtol=1e-3, atol=1e-3), "this model isn't made as Llama's are"


def _took_s(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _cell(numpy_pass: NumpyPass, context: int, size: int, rounds: int, prompt: np.ndarray) -> str:
    engine = numpy_pass.engine
    rows, held = _held(numpy_pass, ROWS, ROW_TOKENS + 1), _held(numpy_pass, context + size)
    places = np.concatenate([np.full(ROWS, ROW_TOKENS), context + np.arange(size)])
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        took[0].append(_took_s(partial(_turn, engine, size)))
        with one_thread():
            took[1].append(_took_s(partial(numpy_pass.run, prompt[: ROWS + size], places, rows, held, context)))
    ours, numpys = (1000 * median(some) for some in took)
    return f"{ours:.0f}, {numpys:.0f}, {numpys / ours:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.numpy_pass", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--contexts", default="300,1500,3000,6000")
    parser.add_argument("--tokens", default="0,16,32,48,128")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sizes, contexts = ([int(one) for one in given.split(",")] for given in (options.tokens, options.contexts))
    engine = MlxEngine(options.model, device="cpu")
    numpy_pass = NumpyPass(engine)
    _check(numpy_pass)
    prompt = np.random.default_rng(2).integers(100, 20_000, 2 * max(contexts) + 4 * options.rounds * sum(sizes))
    for row in range(ROWS):
        sampling = SamplingParams(max_tokens=10**6, seed=row)
        _join(engine, Sequence(f"{row}", tuple(prompt[row:ROW_TOKENS].tolist()), sampling))
    engine.add(Sequence("long", tuple(prompt.tolist()), SamplingParams(max_tokens=1)))
    table = Table("tokens of the prompt", *map(str, sizes), title=f"ms: the engine's pass, NumPy's, ratio; {ROWS} rows")
    done = 0
    for context in contexts:
        while done < context:
            _turn(engine, 128)
            done += 128
        table.add_row(
            f"behind {context}", *(_cell(numpy_pass, context, size, options.rounds, prompt) for size in sizes)
        )
        done += options.rounds * sum(sizes)
    Console(width=120).print(table)


def _join(engine: MlxEngine, sequence: Sequence) -> None:
    engine.add(sequence)
    while engine.prefill(sequence.id, engine.prefill_chunk):
        pass


def _turn(engine: MlxEngine, tokens: int) -> None:
    if tokens:
        engine.prefill("long", tokens)
    engine.decode()


if __name__ == "__main__":
    main()
