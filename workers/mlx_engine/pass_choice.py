"""Choose whether prompts share the passes of decoding rows: where that pays, and the model is seen to give the same."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache

from workers.mlx_engine.activations import at_once
from workers.mlx_engine.attention import reroute
from workers.mlx_engine.chunk_attention import MlxChunkAttention
from workers.mlx_engine.chunk_attention_cpu import CpuChunkAttention
from workers.mlx_engine.chunk_attention_cuda import CudaChunkAttention
from workers.mlx_engine.device import Device
from workers.mlx_engine.gemm import one_thread
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.mlx_pass import MlxPass
from workers.mlx_engine.numpy_pass import NumpyPass
from workers.mlx_engine.prompt_cache_pieces import is_plain
from workers.mlx_engine.shared_pass import Chunk, SharedPass
from workers.mlx_engine.split_linear import SplitProducts
from workers.mlx_engine.trial import far_off, what_is_wrong

log = logging.getLogger(__name__)


def shared_pass(model: nn.Module, device: Device) -> SharedPass | None:
    """For this model on this device; None where prompts had better have passes of their own."""
    for name, make in _ways(model, device):
        try:
            made = make()
        except ValueError as error:
            log.info("no shared passes through %s: %s", name, error)
            continue
        found = what_is_wrong(partial(trial, model, made))
        if found is None:
            log.info("prompts share the passes of decoding rows, through %s", name)
            return made
        log.info("no shared passes through %s: %s", name, found)
    return None


def _ways(model: nn.Module, device: Device) -> list[tuple[str, Callable[[], SharedPass]]]:
    """Best first; on Metal nothing has been measured."""
    plain = "MLX", lambda: MlxPass(model, MlxChunkAttention())
    match device.kind:
        case "cpu":
            return [("NumPy", lambda: NumpyPass(model)), ("MLX and NumPy", lambda: stopping_pass(model)), plain]
        case "cuda":
            return [("kernels", lambda: MlxPass(model, CudaChunkAttention())), plain]
    return []


def stopping_pass(model: nn.Module) -> SharedPass:
    """With what suits a pass that stops at each of its layers."""
    attention = CpuChunkAttention()
    products = SplitProducts.of(model, attention.cores)

    @contextmanager
    def within() -> Iterator[None]:
        with one_thread(), at_once(model), products.at_once():
            yield

    return MlxPass(model, attention, within)


def trial(model: nn.Module, shared: SharedPass) -> str | None:
    """Run two rows, the end of one prompt and the middle of another through one pass; return what is wrong, None if
    nothing."""
    if not all(is_plain(cache) for cache in make_prompt_cache(model)):
        return "it has layers that don't keep every token"
    reroute(model)
    tokens = [list(range(start, start + 12)) for start in (0, 20, 40, 60)]
    prompts = [mx.array([some]) for some in tokens]
    wanted = [model(prompt)[0, at] for prompt, at in zip(prompts, (5, 8, -1, -1), strict=True)]
    rows, own = KVRows(), [make_prompt_cache(model) for _ in prompts]
    for prompt, caches, held in zip(prompts, own, (5, 8, 7, 4), strict=True):
        mx.eval(model(prompt[:, :held], cache=caches))
    for caches, held in zip(own[:2], (5, 8), strict=True):
        rows.join(caches, held)
    chunks = [Chunk(tokens[2][7:], own[2], 7, 12), Chunk(tokens[3][4:9], own[3], 4, 12)]
    first = shared.run(mx.array([tokens[0][5], tokens[1][8]]), rows, chunks)
    last = shared.run(None, KVRows(), [Chunk(tokens[3][9:], own[3], 9, 12)])
    if first is None or last is None or first.shape[0] != 3 or last.shape[0] != 1:
        return "its head computes other rows than those chosen"
    got = mx.concatenate([first, last]).astype(mx.float32)
    off = mx.linalg.norm(got - mx.stack(wanted).astype(mx.float32), axis=-1)
    worst = float(np.max(np.array(off / mx.linalg.norm(mx.stack(wanted).astype(mx.float32), axis=-1))))
    return far_off(worst, "logits")
