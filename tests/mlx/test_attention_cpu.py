"""What the CPU computes in its own way is what MLX computes."""

import ctypes
import math
from collections.abc import Callable

import numpy as np
import pytest

from workers.mlx_engine.activations import swiglu, swiglu_at_once
from workers.mlx_engine.chunk_attention import ChunkRows
from workers.mlx_engine.chunk_attention_cpu import CpuChunkAttention
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import gemm, gemm_few, one_thread
from workers.mlx_engine.row_copy import MlxRowCopy, OneRow, RowCopy
from workers.mlx_engine.row_copy_cpu import CpuRowCopy
from workers.mlx_engine.slots import Layout, SlotKVCache

import mlx.core as mx  # isort: skip
import mlx.nn as nn  # isort: skip
from mlx_lm.models.cache import KVCache  # isort: skip


def _random(*shape: int) -> mx.array:
    return mx.random.normal(shape)


@pytest.mark.parametrize("heads", [(6, 2), (4, 4), (9, 3)])
@pytest.mark.parametrize(
    "lengths",
    [[(0, 1)], [(0, 40), (7, 13)], [(0, 5), (3000, 70), (1, 1), (200, 30)], [(9000, 1), (1030, 128), (0, 2100)]],
)
@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_chunks_attend_as_in_mlx(lengths: list[tuple[int, int]], heads: tuple[int, int], cores: int) -> None:
    """Each (tokens before, tokens now); the last two have several blocks, and parts of the columns. Two rows of others
    come first."""
    width, kv_heads, rows = 8, heads[1], 2 + sum(new for _, new in lengths)
    queries = _random(rows, heads[0], 1, width)
    keys, values = _random(rows, kv_heads, 1, width), _random(rows, kv_heads, 1, width + 4)
    chunks, wanted, start = [], [], 2
    for before, new in lengths:
        own, cache, theirs = slice(start, start + new), KVCache(), KVCache()
        if before:
            held = _random(1, kv_heads, before, width), _random(1, kv_heads, before, width + 4)
            theirs.update_and_fetch(*held)
            cache.keys, cache.values = (mx.pad(one, [(0, 0), (0, 0), (0, new), (0, 0)]) for one in held)
            cache.offset = before
        k, v, q = (rows[own].transpose(2, 1, 0, 3) for rows in (keys, values, queries))
        seen = theirs.update_and_fetch(k, v)
        wanted.append(mx.fast.scaled_dot_product_attention(q, *seen, scale=0.3, mask="causal").transpose(2, 1, 0, 3))
        chunks.append(ChunkRows(cache, start, start + new, before + new))
        start += new

    got = CpuChunkAttention(Cores(cores)).attend(queries, keys, values, chunks, 0.3)

    assert mx.allclose(got, mx.concatenate(wanted), rtol=1e-4, atol=1e-5)
    assert [chunk.cache.offset for chunk in chunks] == [before + new for before, new in lengths]


def test_half_precision_is_refused() -> None:
    half = _random(2, 2, 1, 8).astype(mx.float16)

    with pytest.raises(ValueError, match="no attention on the CPU for"):
        CpuChunkAttention().attend(half, half, half, [ChunkRows(KVCache(), 0, 2, 2)], 0.3)


@pytest.mark.parametrize("copier", [CpuRowCopy(), MlxRowCopy()])
def test_a_row_is_copied_in_place_and_what_was_before_it_cleared(copier: RowCopy) -> None:
    like, layout = KVCache(), Layout()
    like.update_and_fetch(_random(1, 2, 5, 8), _random(1, 2, 5, 8))
    slots = SlotKVCache(layout, like)
    slots.keys, slots.values = mx.ones((3, 2, 16, 8)), mx.full((3, 2, 16, 8), math.nan)
    mx.eval(slots.keys, slots.values)
    source = _random(4, 2, 9, 8), _random(4, 2, 9, 8)

    keys, values = source
    copier.copy(OneRow([keys], [values], columns=6, row=2, start=3), [slots], row=1, start=10)

    for mine, theirs in zip((slots.keys, slots.values), source, strict=True):
        assert mx.array_equal(mine[1, :, 10:], theirs[2, :, 3:9])
        assert not mine[1, :, :10].any()
    assert slots.keys[0].min() == slots.keys[2].min() == 1


@pytest.mark.parametrize("computed", [swiglu, swiglu_at_once])
def test_the_gate_is_mlx_s_everywhere_a_float_can_be(computed: Callable[[mx.array, mx.array], mx.array]) -> None:
    gate = mx.array([-1e30, -200.0, -88.0, -1.0, -1e-30, 0.0, 1e-30, 1.0, 88.0, 200.0, 1e30])

    got = computed(gate, mx.full(gate.shape, 3.0))

    assert mx.allclose(got, nn.silu(gate) * 3.0, rtol=1e-5, atol=1e-30)
    assert mx.isnan(computed(mx.array([math.nan]), mx.array([1.0]))).all()


@pytest.mark.parametrize("transposed", [False, True])
def test_products_of_strided_matrices_are_numpy_s(transposed: bool) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape, np.float32)[:, 3:40] for shape in ((20, 50), (37, 60)))
    out = np.empty((20, 90), np.float32)[:, 5:42]

    gemm(a, b, out, transposed=transposed)

    assert np.allclose(out, a @ (b.T if transposed else b), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 8, 20, 36, 37])
@pytest.mark.parametrize("inputs", [24, 900, 40_000])
@pytest.mark.parametrize("outputs", [5, 32, 100])
def test_products_of_few_rows_are_the_same_in_parts(rows: int, inputs: int, outputs: int) -> None:
    """With so many inputs not even the smallest parts are small."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((count, inputs + 9), np.float32)[:, 3:-6] for count in (rows, outputs))
    out = np.empty((rows, outputs + 9), np.float32)[:, 4:-5]

    gemm_few(a, b, out)

    assert np.allclose(out, a @ b.T, rtol=1e-3, atol=1e-2)


def test_the_number_of_threads_comes_back() -> None:
    before = ctypes.CDLL(None).openblas_get_num_threads()
    with one_thread():
        within = ctypes.CDLL(None).openblas_get_num_threads()

    assert (within, ctypes.CDLL(None).openblas_get_num_threads()) == (1, before)
