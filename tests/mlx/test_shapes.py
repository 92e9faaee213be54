"""The folders of random weights that the benchmarks make where no model can be fetched."""

from pathlib import Path

import pytest

from models.resolve import resolve
from models.tokenizer import Tokenizer
from tests.perf.bench.bench_model import prepare
from tests.perf.shapes import SHAPES, write_shape
from workers.mlx_engine.device import choose
from workers.mlx_engine.load import load

SMALL = {"num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 128, "vocab_size": 600}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_a_model_folder_that_can_be_served(shape: str, tmp_path: Path) -> None:
    folder = write_shape(tmp_path / shape, shape, **SMALL, **HEADS)
    spec = resolve(str(folder), tmp_path)
    tokenizer = Tokenizer.load(folder)

    assert (spec.name, spec.family, tokenizer.vocab_size) == (shape, "chatml", 600)
    assert tokenizer.decode(tokenizer.encode_text("a b")) == "a b"
    assert tokenizer.decode([599]) == " w340"


def test_in_a_bench_model_the_tokens_that_end_an_answer_have_no_weight(tmp_path: Path) -> None:
    source = write_shape(tmp_path / "source", "llama-3.1-8b-shape", **SMALL, **HEADS)
    folder = prepare(source, tmp_path / "folder")
    weights = load(folder, choose("cpu")).model.lm_head.weight
    ends = sorted(Tokenizer.load(folder).eos_ids)

    assert ends
    assert [row for row in range(600) if not weights[row].any().item()] == ends
