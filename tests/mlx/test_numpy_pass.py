"""NumPy's passes give what the models give that they were read from."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_lm.models import gemma, llama, qwen2, qwen3
from mlx_lm.models.cache import make_prompt_cache

from tests.mlx.driving import words
from workers.mlx_engine.attention import reroute
from workers.mlx_engine.attention_cpu import CpuAttention
from workers.mlx_engine.chosen_rows import ChosenRows
from workers.mlx_engine.cores import Cores
from workers.mlx_engine.device import Device
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.mlx_pass import MlxPass
from workers.mlx_engine.numpy_pass import NumpyPass
from workers.mlx_engine.pass_choice import shared_pass
from workers.mlx_engine.rotary import share_rotations
from workers.mlx_engine.row_copy_cpu import CpuRowCopy
from workers.mlx_engine.shared_pass import Chunk

SHAPE = {
    "hidden_size": 48, "num_hidden_layers": 3, "intermediate_size": 80, "num_attention_heads": 6,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": 500, "max_position_embeddings": 4096,
}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}  # fmt: skip


def random_model(family: Any, **changes: Any) -> nn.Module:
    args = family.ModelArgs.from_dict(SHAPE | {"model_type": family.__name__.rsplit(".", 1)[1]} | changes)
    model = family.Model(args)
    random = np.random.default_rng(3)
    # Norms and biases, too: as they are made they change nothing.
    model.update(
        tree_map(lambda array: mx.array(random.normal(0.1, 0.3, array.shape).astype(np.float32)), model.parameters())
    )
    return model


FAMILIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (llama, {}),
    "of a head each": (llama, {"num_key_value_heads": 6, "tie_word_embeddings": False}),
    "with biases": (llama, {"attention_bias": True, "mlp_bias": True, "head_dim": 10}),
    "far positions": (llama, {"rope_scaling": LLAMA3, "rope_theta": 500_000.0}),
    "positions scaled": (llama, {"rope_scaling": {"type": "linear", "factor": 4.0}}),
    "qwen2": (qwen2, {"rope_theta": 10_000.0}),
    "qwen3": (qwen3, {"rope_theta": 10_000.0, "head_dim": 12, "tie_word_embeddings": False}),
}


def caches_of(model: nn.Module, tokens: tuple[int, ...]) -> list[Any]:
    caches: list[Any] = make_prompt_cache(model)
    mx.eval(model(mx.array([tokens]), cache=caches))
    return caches


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("kind", FAMILIES)
def test_each_sequence_gets_the_logits_that_it_gets_alone(kind: str, cores: int) -> None:
    """Rows of one length and of others, also such that attend one by one; a prompt's middle, its end, a whole one."""
    family, changes = FAMILIES[kind]
    model = random_model(family, **changes)
    lengths, helds = (6, 5, 6, 900, 1300, 1290), (0, 700, 5)
    texts = [words(seed, length + 2) for seed, length in enumerate(lengths)]
    prompts = [words(40 + seed, length) for seed, length in enumerate((50, 760, 9))]
    rows = KVGroups(KVRows)
    order: list[int] = []
    for number, text in enumerate(texts):
        order.insert(rows.join(caches_of(model, text[:-2]), len(text) - 2), number)
    texts = [texts[number] for number in order]
    own = [caches_of(model, prompt[:held]) if held else make_prompt_cache(model)
           for prompt, held in zip(prompts, helds, strict=True)]  # fmt: skip
    wanted = [model(mx.array([text]))[0, place] for place in (-2, -1) for text in texts]
    wanted[len(texts) : len(texts)] = [model(mx.array([prompts[place]]))[0, -1] for place in (1, 2)]
    wanted.append(model(mx.array([prompts[0]]))[0, -1])
    numpys = NumpyPass(model, Cores(cores))

    first = [Chunk([*prompt[held : held + (40, 60, 4)[place]]], own[place], held, len(prompt))
             for place, (prompt, held) in enumerate(zip(prompts, helds, strict=True))]  # fmt: skip
    one = numpys.run(mx.array([text[-2] for text in texts]), rows, first)
    other = numpys.run(mx.array([text[-1] for text in texts]), rows, [Chunk([*prompts[0][40:]], own[0], 40, 50)])

    assert one is not None
    assert other is not None
    got = mx.concatenate([one, other])
    assert len(rows.rectangles) > 1
    assert got.shape == (len(wanted), SHAPE["vocab_size"])
    assert mx.allclose(got, mx.stack(wanted), rtol=1e-3, atol=1e-3)
    assert [cache[0].offset for cache in own] == [50, 760, 9]


def test_a_prompt_s_middle_alone_gives_no_logits() -> None:
    model = random_model(llama)
    own = make_prompt_cache(model)

    assert NumpyPass(model).run(None, KVRows(), [Chunk([1, 2, 3], own, 0, 5)]) is None
    (last,) = NumpyPass(model).run(None, KVRows(), [Chunk([4, 5], own, 3, 5)])  # type: ignore[misc]

    assert mx.allclose(last, model(mx.array([[1, 2, 3, 4, 5]]))[0, -1], rtol=1e-4, atol=1e-4)


def test_steps_of_mlx_go_on_from_what_numpy_wrote_and_the_other_way_round() -> None:
    model = random_model(llama)
    share_rotations(model)
    reroute(model)
    text = words(1, 300)
    rows = KVRows(CpuAttention(), CpuRowCopy())
    rows.join(caches_of(model, text[:250]), 250)
    rows.join(caches_of(model, text[:30]), 30)
    numpys, prompt = NumpyPass(model), make_prompt_cache(model)
    logits: list[mx.array] = []
    for step in range(20):
        last = mx.array([text[250 + step], text[30 + step]])
        if step % 3:
            got = numpys.run(last, rows, [Chunk([step], prompt, prompt[0].offset, 99)])
            assert got is not None
        else:
            got = model(last[:, None], cache=rows.caches)[:, -1]
            rows.advance()
        logits.append(got)

    wanted = model(mx.array([text]))[0]
    assert mx.allclose(mx.stack([one[0] for one in logits]), wanted[250:270], rtol=1e-3, atol=1e-3)
    assert mx.allclose(mx.stack([one[1] for one in logits]), wanted[30:50], rtol=1e-3, atol=1e-3)


def test_a_long_prompt_s_buffers_grow_layer_by_layer() -> None:
    model = random_model(llama, num_hidden_layers=8)
    text, numpys, own, grew = words(1, 2200), NumpyPass(model), make_prompt_cache(model), []
    sizes = [0] * 16
    for done in range(0, 2200, 40):
        got = numpys.run(None, KVRows(), [Chunk([*text[done : done + 40]], own, done, 2200)])
        before, sizes = sizes, [array.shape[2] for cache in own for array in (cache.keys, cache.values)]
        grew.append(sum(one != other for one, other in zip(before, sizes, strict=True)))

    assert got is not None
    assert mx.allclose(got[0], model(mx.array([text]))[0, -1], rtol=1e-3, atol=1e-3)
    assert sizes == [2304] * 16
    assert grew[0] == 16
    assert max(grew[1:]) == 1
    assert sum(grew[1:]) == 16 - 1


def test_it_is_what_a_llama_s_prompts_go_through_and_what_it_reads_are_mlx_s_own_weights(tiny: MlxEngine) -> None:
    shared = tiny._batch.shared_pass

    assert isinstance(shared, NumpyPass)
    inner = tiny._loaded.model.model
    for mine, theirs in ((shared._model.embedding, inner.embed_tokens.weight),
                         (shared._model.layers[1].up.weights, inner.layers[1].mlp.up_proj.weight)):  # fmt: skip
        assert mine.ctypes.data == np.array(theirs, copy=False).ctypes.data


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: random_model(gemma, head_dim=8), "gemma"),
        (lambda: random_model(llama, rope_traditional=True), "rotating"),
        (lambda: packed(random_model(llama, hidden_size=192, intermediate_size=192)), "Quantized"),
        (lambda: halved(random_model(llama)), "float16"),
    ],
)
def test_what_it_does_not_know_is_left_to_mlx(model: Any, why: str) -> None:
    made = model()
    with pytest.raises(ValueError, match=why):
        NumpyPass(made)

    assert isinstance(shared_pass(made, Device("cpu", "CPU", 10**9)), MlxPass)


def packed(model: nn.Module) -> nn.Module:
    nn.quantize(model, group_size=64, class_predicate=lambda _, part: isinstance(part, nn.Linear))
    return model


def halved(model: nn.Module) -> nn.Module:
    model.set_dtype(mx.float16)
    return model


def test_a_model_that_another_pass_has_been_through_is_read_as_well() -> None:
    model = random_model(llama)
    ChosenRows.of(model)

    assert NumpyPass(model).run(None, KVRows(), [Chunk([1], make_prompt_cache(model), 0, 1)]) is not None
