"""The kernels that write into the batch's buffers, on a CUDA device; without one there is nothing to test."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.mlx.driving import alone, assert_as_alone, run, sequence, words
from workers.mlx_engine.attention import NewTokens
from workers.mlx_engine.attention_cuda import CudaAttention
from workers.mlx_engine.chunk_attention_cuda import CudaChunkAttention
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.few_shapes import FewShapes
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.layer_copy import CudaLayerCopy
from workers.mlx_engine.mlx_pass import MlxPass
from workers.mlx_engine.row_copy import CudaRowCopy, OneRow
from workers.mlx_engine.slots import Layout, SlotKVCache

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx.utils import tree_flatten  # isort: skip
from mlx_lm.models import llama  # isort: skip
from mlx_lm.models.cache import KVCache  # isort: skip

pytestmark = pytest.mark.skipif(not mx.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(autouse=True)
def _on_the_gpu() -> None:
    mx.set_default_device(mx.gpu)


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)


def _filled(lengths: list[int], keys: np.ndarray, values: np.ndarray, dtype: mx.Dtype) -> SlotKVCache:
    """Slots whose rows end where the longest does; all that no row owns is NaN."""
    layout = Layout()
    one = KVCache()
    one.update_and_fetch(mx.zeros((1, keys.shape[1], 1, keys.shape[3]), dtype),
                         mx.zeros((1, keys.shape[1], 1, keys.shape[3]), dtype))  # fmt: skip
    slots = SlotKVCache(layout, one)
    for length in lengths:
        layout.join(length)
    keys, values = keys.copy(), values.copy()
    for row, length in enumerate(lengths):
        for array in (keys, values):
            array[row, :, : layout.end - length] = np.nan
            array[row, :, layout.end :] = np.nan
    slots.keys, slots.values = mx.array(keys).astype(dtype), mx.array(values).astype(dtype)
    mx.eval(slots.keys, slots.values)
    return slots


SHAPES = [
    # Heads, KV heads, width, the longest row: with one split, several, and more heads than a block takes.
    (32, 8, 128, 700, mx.bfloat16),
    (32, 8, 128, 1400, mx.float16),
    (8, 8, 96, 300, mx.bfloat16),
    (9, 3, 64, 5000, mx.bfloat16),
    (24, 2, 128, 2500, mx.bfloat16),
    (8, 4, 256, 1500, mx.bfloat16),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [1, 40])
def test_each_row_attends_to_its_own_columns_and_its_new_token_is_stored(
    shape: tuple[int, int, int, int, mx.Dtype], rows: int
) -> None:
    heads, kv_heads, width, longest, dtype = shape
    random = np.random.default_rng(rows + longest)
    lengths = [longest, *random.integers(1, longest, rows - 1).tolist()]
    columns = -(-(longest + 1) // 256) * 256
    keys, values = (_normal(random, rows, kv_heads, columns, width) for _ in range(2))
    slots = _filled(lengths, keys, values, dtype)
    # Slices of one array, as the models have them that compute all three at once.
    together = mx.array(_normal(random, rows, 1, (heads + 2 * kv_heads) * width)).astype(dtype)
    parts = mx.split(together, [heads * width, (heads + kv_heads) * width], axis=-1)
    query, key, value = (part.reshape(rows, 1, -1, width).transpose(0, 2, 1, 3) for part in parts)
    attention = CudaAttention()

    got = attention.attend(query, NewTokens(slots, key, value, attention), width**-0.5)
    mx.eval(got)

    held = [mx.nan_to_num(array[:, :, : longest + 1].astype(mx.float32)) for array in (slots.keys, slots.values)]
    scores = (query.astype(mx.float32) * width**-0.5).reshape(rows, kv_heads, -1, width) @ held[0].swapaxes(-1, -2)
    own = mx.arange(longest + 1) >= slots.padding[:, None, None, None]
    wanted = (mx.softmax(mx.where(own, scores, -mx.inf), axis=-1) @ held[1]).reshape(rows, heads, 1, width)
    off = mx.linalg.norm(got.astype(mx.float32) - wanted) / mx.linalg.norm(wanted)
    assert mx.array_equal(slots.keys[:, :, longest : longest + 1], key)
    assert mx.array_equal(slots.values[:, :, longest : longest + 1], value)
    assert off < (0.005 if dtype == mx.bfloat16 else 0.001)


def test_a_row_is_copied_behind_cleared_columns_and_no_other_is_touched() -> None:
    random = np.random.default_rng(3)
    keys, values = (_normal(random, 3, 4, 512, 64) for _ in range(2))
    slots = _filled([300, 20, 200], keys, values, mx.bfloat16)
    before = np.array(slots.keys.astype(mx.float32))
    own = mx.array(_normal(random, 1, 4, 256, 64)).astype(mx.bfloat16)

    mx.eval(CudaRowCopy().copy(OneRow([own], [own], 200), [slots], 1, 100))

    wanted = before.copy()
    wanted[1, :, :100] = 0
    wanted[1, :, 100:300] = np.array(own.astype(mx.float32))[0, :, :200]
    np.testing.assert_array_equal(np.array(slots.keys.astype(mx.float32)), wanted)


@pytest.fixture
def engine(tmp_path: Path) -> MlxEngine:
    """A small model in half precision whose heads are wide enough for the kernel."""
    shape = {"model_type": "llama", "hidden_size": 256, "num_hidden_layers": 2, "intermediate_size": 512,
             "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": 512,
             "tie_word_embeddings": False}  # fmt: skip
    mx.random.seed(5)
    model = llama.Model(llama.ModelArgs(**shape))
    model.model.embed_tokens.weight = model.model.embed_tokens.weight * 64
    # Logits far apart, so that rounding doesn't decide which is the largest.
    model.lm_head.weight = model.lm_head.weight * 64
    model.set_dtype(mx.float16)
    (tmp_path / "config.json").write_text(json.dumps(shape))
    mx.save_safetensors(str(tmp_path / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return MlxEngine(tmp_path, device="gpu")


def test_what_was_made_for_cuda_was_chosen(engine: MlxEngine) -> None:
    assert isinstance(engine._batch.kv, KVRows)
    assert isinstance(engine._batch.kv.attention, CudaAttention)
    assert isinstance(engine._batch.kv._several, FewShapes)
    assert isinstance(engine._batch.kv._row_copy, CudaRowCopy)
    assert isinstance(engine._prompt_cache._pieces._copy, CudaLayerCopy)
    assert engine._batch.recorded is not None
    assert isinstance(engine._batch.shared_pass, MlxPass)
    assert isinstance(engine._batch.shared_pass._attention, CudaChunkAttention)


@pytest.mark.parametrize("shuffle", [1, 2, 3])
def test_joining_and_leaving_at_any_step_changes_nobody_elses_tokens(engine: MlxEngine, shuffle: int) -> None:
    everybody = [sequence(f"s{i}", words(i, 3 + 37 * i % 400), max_tokens=60 - i) for i in range(14)]
    expected = alone(engine, everybody)
    steps = words(100 + shuffle, 28, vocabulary=60)
    joins = {f"s{i}": step - 10 for i, step in enumerate(steps[:14])}
    leaves = {f"s{i}": joins[f"s{i}"] + step // 2 for i, step in enumerate(steps[14:]) if i % 3 == 0}

    for one in everybody:
        one.output.clear()
    got = run(engine, everybody, joins=joins, leaves=leaves)

    assert_as_alone(got, expected, joins, leaves)


def test_short_answers_one_after_the_other_get_what_steps_built_anew_give(engine: MlxEngine) -> None:
    """Each comes to slots of its own, in a shape that has come up often enough to be recorded."""
    steps = engine._batch.recorded
    assert steps is not None
    everybody = [sequence(f"s{i}", words(i, 5), max_tokens=5) for i in range(20)]
    got = alone(engine, everybody)
    engine._batch.recorded = None

    assert steps._recorded
    assert got == alone(engine, everybody)
    assert all(-1 not in tokens for tokens in got.values())
