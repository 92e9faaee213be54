"""Tokenizer: users' texts never become control tokens, and prompts encode as the whole string would."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelRefused, PromptRejected
from models.prompt import Markup, Segment, as_text
from models.tokenizer import Tokenizer
from tests.unit.models.small_tokenizers import KINDS, save

CONTROL = ("<|user|>", "<|end|>", "<|assistant|>", "</s>")
ANY_TEXT = st.lists(st.sampled_from([*CONTROL, "<|", "|>", "user", "end", " ", "\n", "the", "漢", "😀", "x"])).map(
    "".join
)


@pytest.fixture(scope="module", params=list(KINDS))
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, tokenizers.Tokenizer]:
    """Ours, and the bare backend that takes control tokens out of any text."""
    folder = tmp_path_factory.mktemp("tokenizer")
    backend = save(request.param, folder)
    return Tokenizer.load(folder), backend


def chat(text: str, answer: str = "") -> list[Segment]:
    return [Markup("<|user|>\n"), text, Markup("<|end|>\n<|assistant|>\n"), answer]


@given(text=ANY_TEXT | st.text())
def test_no_text_becomes_a_control_token(pair: tuple[Tokenizer, tokenizers.Tokenizer], text: str) -> None:
    tokenizer, _ = pair
    control = {tokenizer.backend.token_to_id(name) for name in CONTROL}

    assert control.isdisjoint(tokenizer.encode_text(text))
    assert [i for i in tokenizer.encode(chat(text)) if i in control] == [
        tokenizer.backend.token_to_id(name) for name in ("<|user|>", "<|end|>", "<|assistant|>")
    ]


@given(text=st.text(), answer=st.text())
def test_harmless_prompts_encode_as_one_string(
    pair: tuple[Tokenizer, tokenizers.Tokenizer], text: str, answer: str
) -> None:
    tokenizer, backend = pair
    prompt = chat(text, answer)

    assert tokenizer.encode(prompt) == backend.encode(as_text(prompt), add_special_tokens=False).ids


def test_a_prompt_may_begin_with_text(pair: tuple[Tokenizer, tokenizers.Tokenizer]) -> None:
    tokenizer, backend = pair
    prompt: list[Segment] = ["the end", Markup("<|end|>"), " the"]

    assert tokenizer.encode(prompt) == backend.encode("the end<|end|> the", add_special_tokens=False).ids


def test_a_lone_surrogate_is_the_callers_mistake(pair: tuple[Tokenizer, tokenizers.Tokenizer]) -> None:
    with pytest.raises(PromptRejected, match="surrogate"):
        pair[0].encode(["a\ud800b"])


def test_threads_share_a_tokenizer(pair: tuple[Tokenizer, tokenizers.Tokenizer]) -> None:
    tokenizer, _ = pair
    texts = [f"<|end|> the {number} <|user|>" * 50 for number in range(64)]
    alone = [tokenizer.encode(chat(text)) for text in texts]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda text: tokenizer.encode(chat(text)), texts)) == alone


def test_the_end_is_what_any_of_the_files_calls_so(pair: tuple[Tokenizer, tokenizers.Tokenizer]) -> None:
    tokenizer, backend = pair

    assert tokenizer.eos_ids == {3, 5, 7, backend.token_to_id("</s>"), backend.token_to_id("<|end|>")}
    assert tokenizer.vocab_size == backend.get_vocab_size()


def test_special_tokens_stay_out_of_an_answers_text(pair: tuple[Tokenizer, tokenizers.Tokenizer]) -> None:
    tokenizer, backend = pair
    answer = [*tokenizer.encode_text("the end"), *backend.encode("<|end|>", add_special_tokens=False).ids]

    assert tokenizer.decode(answer) == "the end"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no tokenizer.json"), ("{", "broken"), ("[]", "no object"), ('{"model": 1}', "can't be read")],
)
def test_a_missing_or_broken_file_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(ModelRefused, match=message):
        Tokenizer.load(tmp_path)
