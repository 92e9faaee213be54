"""A model folder becomes a model in the device's compute format, and nothing in it is run."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from models.errors import ModelRefused
from queue_config.errors import BadSetting
from tests.mlx.driving import run, sequence, words
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.device import Device, choose
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.load import load

CPU = Device("cpu", "test", 10**9)


def _quantised(folder: Path) -> Path:
    """A tiny Llama saved with the matrices of its MLPs' ends packed in 4 bits, as mlx-lm's convert packs."""
    model = load(write_tiny_llama(folder), CPU).model
    nn.quantize(model, group_size=32, bits=4, class_predicate=lambda path, _: path.endswith("down_proj"))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization": {"group_size": 32, "bits": 4}}))
    return folder


def test_on_the_cpu_packed_weights_become_float32_of_the_same_value(tmp_path: Path) -> None:
    folder = _quantised(tmp_path)
    packed: Any = mx.load(str(folder / "model.safetensors"))
    name = "model.layers.0.mlp.down_proj"

    loaded = load(folder, CPU)

    weight, scales, biases = (packed[f"{name}.{part}"] for part in ("weight", "scales", "biases"))
    expected = mx.dequantize(weight, scales, biases, 32, 4)
    assert loaded.compute_type == "float32"
    assert mx.array_equal(loaded.model.layers[0].mlp.down_proj.weight, expected)
    assert {str(array.dtype) for _, array in tree_flatten(loaded.model.parameters())} == {"mlx.core.float32"}


def test_weights_that_would_not_fit_unpacked_stay_packed(tmp_path: Path) -> None:
    loaded = load(_quantised(tmp_path), Device("cpu", "test", 1000))

    assert isinstance(loaded.model.layers[0].mlp.down_proj, nn.QuantizedLinear)


def test_a_model_that_brings_its_own_code_is_refused(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    folder = write_tiny_llama(tmp_path / "model", model_file="evil.py")
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')")

    with pytest.raises(ModelRefused, match="Python code of its own"):
        load(folder, CPU)
    assert not ran.exists()


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path)
    (folder / "model.safetensors").unlink()

    with pytest.raises(ModelRefused, match=str(folder)):
        load(folder, CPU)


def test_torn_weights_are_refused_before_anything_maps_them(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path)
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate((folder / "model.safetensors").stat().st_size - 1)

    with pytest.raises(ModelRefused, match="is torn"):
        load(folder, CPU)


def test_a_kind_of_model_that_mlx_lm_does_not_know_is_named(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path, model_type="abacus")

    with pytest.raises(ValueError, match="abacus"):
        load(folder, CPU)


@pytest.mark.skipif(mx.metal.is_available() or mx.cuda.is_available(), reason="there is a GPU")
def test_asking_for_a_gpu_where_there_is_none_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match="PENSIEVE_DEVICE=gpu"):
        choose("gpu")


def test_the_engine_says_what_it_runs_on_and_what_a_token_costs(tmp_path: Path) -> None:
    engine = MlxEngine(write_tiny_llama(tmp_path), device="cpu")

    # 2 layers, keys and values, 2 heads of 8 numbers of 4 bytes.
    assert engine.info.kv.bytes_for(10) == 10 * 2 * 2 * 2 * 8 * 4
    assert (engine.info.device.kind, engine.info.compute_type) == ("cpu", "float32")
    assert engine.info.weights_bytes == (tmp_path / "model.safetensors").stat().st_size - _header_bytes(tmp_path)


def test_sliding_windows_stop_costing_more_once_they_are_full(tmp_path: Path) -> None:
    kinds = ["full_attention", "sliding_attention"]
    engine = MlxEngine(write_tiny_llama(tmp_path, layer_types=kinds, sliding_window=16), device="cpu")

    assert [engine.info.kv.bytes_for(tokens) for tokens in (10, 100)] == [128 * 20, 128 * 116]


def test_an_engine_of_packed_weights_generates(tmp_path: Path) -> None:
    engine = MlxEngine(_quantised(tmp_path), device="cpu")

    got = run(engine, [sequence("a", words(1, 9), max_tokens=5)])

    assert len(got["a"]) == 5


def _header_bytes(folder: Path) -> int:
    """A safetensors file is 8 bytes of length, a header of that length, and the weights."""
    head = (folder / "model.safetensors").read_bytes()[:8]
    return 8 + int.from_bytes(head, "little")
