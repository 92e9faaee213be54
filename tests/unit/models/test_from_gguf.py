"""Converting a GGUF: the folder that comes out, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, quants
from safetensors.numpy import load_file

from models.errors import ModelRefused
from models.families import family_for
from models.from_gguf import convert
from models.gguf_weights import unpermuted_rows
from models.prompt import Markup
from models.tokenizer import Tokenizer
from tests.unit.models.small_gguf import HEADS, HIDDEN, INTERMEDIATE, KV_HEADS, TOKENS, write_gguf


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf")


@pytest.fixture(scope="module")
def folder(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    convert(gguf, folder)
    return folder


def test_the_config_is_a_plain_llamas(folder: Path) -> None:
    quantization = {"group_size": 32, "bits": 4, "model.embed_tokens": {"group_size": 32, "bits": 8}}

    assert json.loads((folder / "config.json").read_text()) == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HIDDEN // HEADS,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000.0,
        "attention_bias": False,
        "mlp_bias": False,
        "vocab_size": len(TOKENS),
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": None,
        "torch_dtype": "float16",
        "tie_word_embeddings": True,
        "quantization": quantization,
        "quantization_config": quantization,
    }


def test_tensors_have_the_names_and_the_row_order_of_hugging_face(gguf: Path, folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    query = next(tensor for tensor in GGUFReader(gguf).tensors if tensor.name == "blk.0.attn_q.weight")
    numbers = quants.dequantize(query.data, query.tensor_type)[unpermuted_rows(HIDDEN, HEADS)]
    prefix = "model.layers.0.self_attn.q_proj"
    first = tensors[f"{prefix}.weight"][:, :1] & 15
    scale, bias = (tensors[f"{prefix}.{part}"][:, :1].astype(np.float32) for part in ("scales", "biases"))

    np.testing.assert_array_equal(scale * first + bias, numbers[:, :1])
    assert {name for name in tensors if "layers" not in name} == {
        "model.embed_tokens.weight",
        "model.embed_tokens.scales",
        "model.embed_tokens.biases",
        "model.norm.weight",
    }


def test_an_output_matrix_unties_the_embeddings(tmp_path: Path) -> None:
    convert(write_gguf(tmp_path / "x.gguf", kind="Q8_0", output=(len(TOKENS), HIDDEN)), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    assert config["tie_word_embeddings"] is False
    assert config["quantization"] == {"group_size": 32, "bits": 8}
    assert "lm_head.weight" in load_file(tmp_path / "model.safetensors")


def test_the_tokenizer_splits_digits_and_knows_its_control_tokens(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder)
    ids = tokenizer.encode([Markup("<|im_start|>"), "the 12<|im_end|>"])

    assert [TOKENS[token_id] for token_id in ids] == ["<|im_start|>", "the", "Ġ", "1", "2", *"<|im_end|>"]
    assert tokenizer.eos_ids == {1}
    assert family_for(folder).name == "chatml"


def test_progress_counts_tensors(gguf: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    convert(gguf, tmp_path, lambda done, total: told.append((done, total)))

    assert told == [(number, 11) for number in range(1, 12)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "qwen2"}, "its architecture is qwen2"),
        ({"pre": "llama-bpe"}, "its tokenizer is gpt2/llama-bpe"),
        ({"kind": "Q5_0"}, "Q5_0 tensors"),
        ({"kind": "F16", "token_embd": (HIDDEN,)}, "isn't quantised"),
        ({"rope_freqs": (8,)}, "a tensor rope_freqs.weight"),
    ],
)
def test_what_cannot_be_converted_exactly_is_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    gguf = write_gguf(tmp_path / "x.gguf", **options)

    with pytest.raises(ModelRefused, match=message):
        convert(gguf, tmp_path)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("cut", [0, 3, 20, 400])
def test_a_file_that_is_no_gguf_is_refused(gguf: Path, tmp_path: Path, cut: int) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf.read_bytes()[:cut])

    with pytest.raises(ModelRefused, match="no readable GGUF"):
        convert(broken, tmp_path)
