"""Prompts without a chat format: the model reads what is written, behind the beginning that it was trained with."""

import json
from pathlib import Path

import pytest
from tokenizers.processors import TemplateProcessing

from api.tokenizing import Prompts
from models.tokenizer import Tokenizer
from queue_config.errors import InvalidRequest, PromptTooLong
from tests.support.api_fakes import Readable
from tests.unit.models import small_tokenizers

CONTEXT_TOKENS = 100


def prompts_of(tmp_path: Path, *, begins_with: str | None = None, trained_so: bool = True) -> tuple[Prompts, Tokenizer]:
    """With `begins_with` the model's settings name it; `trained_so` says whether its tokenizer writes it."""
    backend = small_tokenizers.save("byte-level", tmp_path)
    if begins_with:
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"bos_token": begins_with}))
        if trained_so:
            backend.post_processor = TemplateProcessing(
                single=f"{begins_with} $A", special_tokens=[(begins_with, backend.token_to_id(begins_with))]
            )
        backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(tmp_path)
    return Prompts(Readable(), tokenizer, CONTEXT_TOKENS), tokenizer


def test_control_tokens_that_are_spelled_out_become_those(tmp_path: Path) -> None:
    prompts, tokenizer = prompts_of(tmp_path)

    ids = prompts.encode_raw("<|user|>the fox<|end|>")

    assert [ids[0], ids[-1]] == [tokenizer.backend.token_to_id(text) for text in ("<|user|>", "<|end|>")]
    assert tokenizer.decode(ids) == "the fox"


@pytest.mark.parametrize(("trained_so", "expected"), [(True, 1), (False, 0)])
def test_the_first_token_is_the_one_that_the_tokenizer_itself_writes(
    tmp_path: Path, trained_so: bool, expected: int
) -> None:
    prompts, tokenizer = prompts_of(tmp_path, begins_with="</s>", trained_so=trained_so)

    ids = prompts.encode_raw("the fox")

    assert ids.count(tokenizer.backend.token_to_id("</s>")) == expected


def test_who_writes_the_first_token_does_not_get_it_twice(tmp_path: Path) -> None:
    prompts, _ = prompts_of(tmp_path, begins_with="</s>")

    assert prompts.encode_raw("</s>the fox") == prompts.encode_raw("the fox")


def test_text_that_can_never_fit_is_refused_unread(tmp_path: Path) -> None:
    prompts, _ = prompts_of(tmp_path)

    with pytest.raises(PromptTooLong, match="prompt is too long: 2500 tokens > 100 maximum"):
        prompts.encode_raw("x" * 10_000)


@pytest.mark.parametrize("token", [-1, 1_000_000])
def test_what_is_no_token_is_refused(tmp_path: Path, token: int) -> None:
    prompts, _ = prompts_of(tmp_path)

    with pytest.raises(InvalidRequest, match="prompt: token ids should be less than"):
        prompts.check_tokens([1, token], "prompt")
