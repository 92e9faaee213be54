"""Detokenizer: pieces add up to the whole text, and no piece holds half a character."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompt import Markup
from models.tokenizer import Tokenizer
from tests.unit.models.small_tokenizers import KINDS, save


@pytest.fixture(scope="module", params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    save(request.param, folder)
    return Tokenizer.load(folder)


def stream(tokenizer: Tokenizer, ids: list[int], prompt: list[int] | None = None) -> list[str]:
    decoder = tokenizer.decoder(prompt or [])
    return [*(decoder.step(token_id) for token_id in ids), decoder.flush()]


@given(text=st.text() | st.text("the 漢😀\n", max_size=40))
def test_pieces_add_up_to_the_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode_text(text)
    pieces = stream(tokenizer, ids)

    assert "".join(pieces) == tokenizer.decode(ids)
    assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)


def test_a_character_comes_whole_with_its_last_byte(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_text("x😀")
    pieces = stream(tokenizer, ids)

    assert [piece for piece in pieces if piece] == ["x", "😀"]


def test_an_unfinished_character_is_flushed_as_a_replacement(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_text("x😀")[:-1]
    pieces = stream(tokenizer, ids)

    assert "".join(pieces[:-1]) == "x"
    assert set(pieces[-1]) == {"\ufffd"}


def test_bytes_that_never_make_a_character_do_not_hold_the_stream_up(tokenizer: Tokenizer) -> None:
    stray = tokenizer.encode_text("x😀")[-1]
    pieces = stream(tokenizer, [stray] * 20 + tokenizer.encode_text("the"))

    assert any(pieces[:10])
    assert "".join(pieces).strip("\ufffd").strip() == "the"


def test_an_answer_that_goes_on_from_a_prefill_keeps_its_first_space(tokenizer: Tokenizer) -> None:
    whole = tokenizer.encode_text("the end the")
    prompt = tokenizer.encode_text("the end")

    assert whole[: len(prompt)] == prompt
    assert "".join(stream(tokenizer, whole[len(prompt) :], prompt)) == " the"


def test_special_tokens_show_nothing(tokenizer: Tokenizer) -> None:
    [end] = tokenizer.encode([Markup("<|end|>")])
    the = tokenizer.encode_text("the")

    assert "".join(stream(tokenizer, [end, *the, end])) == "the"
    assert tokenizer.decoder().flush() == ""


def test_a_tokenizer_of_the_default_model_streams_every_script(default_model: Path) -> None:
    tokenizer = Tokenizer.load(default_model)
    text = "naïve 漢字かな 한국어 الصفحة 👩‍👩‍👧‍👦 🇫🇷\n\n    x = [1, 2]\t"

    assert "".join(stream(tokenizer, tokenizer.encode_text(text))) == text
