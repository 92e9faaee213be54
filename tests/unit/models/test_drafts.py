"""Draft models: which one the catalogue names, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.catalog import CATALOG, CatalogEntry, find
from models.drafts import draft_for, has_same_vocabulary, suggested_draft
from models.errors import ModelNotFound, ModelRefused
from models.resolve import resolve
from tests.support.tiny_llama import write_tiny_llama

TABLE: dict[str, Any] = {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 2, "content": "<end>"}]}
PIECES = {"model": {"vocab": [["a", -1.0], ["b", -2.5]]}, "added_tokens": [{"id": 2, "content": "<end>"}]}


def model(folder: Path, tokenizer: dict[str, Any]) -> Path:
    write_tiny_llama(folder, max_position_embeddings=512)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    return folder


@pytest.mark.parametrize("entry", [entry for entry in CATALOG if entry.draft], ids=lambda entry: entry.name)
def test_a_draft_model_is_a_much_smaller_one_of_the_same_family_in_the_catalogue(entry: CatalogEntry) -> None:
    draft = find(str(entry.draft))

    assert draft is not None
    assert draft.family == entry.family
    assert draft.parameters < entry.parameters / 5
    assert draft.context_tokens >= entry.context_tokens


def test_models_that_the_catalogue_does_not_know_have_no_draft_model_there() -> None:
    assert suggested_draft("qwen3-8b-4bit") == "qwen3-0.6b-4bit"
    assert suggested_draft("smollm2-135m-instruct") is None
    assert suggested_draft("a-folder-of-mine") is None


def test_a_draft_model_has_the_same_texts_under_the_same_ids_however_it_splits_them(tmp_path: Path) -> None:
    one = model(tmp_path / "one", TABLE)
    two = model(tmp_path / "two", TABLE | {"model": TABLE["model"] | {"merges": [["a", "b"]]}})
    three = model(tmp_path / "three", PIECES)

    assert has_same_vocabulary(one, two)
    assert has_same_vocabulary(two, three)
    assert draft_for(resolve(str(one), tmp_path), str(two), tmp_path).dir == two


@pytest.mark.parametrize(
    "other",
    [
        {"model": {"vocab": {"a": 1, "b": 0}}, "added_tokens": [{"id": 2, "content": "<end>"}]},
        {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": []},
        {"model": {"vocab": {"a": 0, "b": 1, "c": 3}}, "added_tokens": [{"id": 2, "content": "<end>"}]},
    ],
    ids=["other ids", "fewer tokens", "more tokens"],
)
def test_a_model_of_another_vocabulary_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    large = resolve(str(model(tmp_path / "large", TABLE)), tmp_path)
    model(tmp_path / "small", other)

    with pytest.raises(ModelRefused, match=r"small can't guess for large: .* PENSIEVE_DRAFT_MODEL"):
        draft_for(large, "small", tmp_path)


def test_a_draft_model_that_is_not_here_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    large = resolve(str(model(tmp_path / "large", TABLE)), tmp_path)

    with pytest.raises(ModelNotFound, match=r"pensieve pull qwen3-0\.6b-4bit"):
        draft_for(large, "qwen3-0.6b-4bit", tmp_path)


def test_a_vocabulary_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    large = resolve(str(model(tmp_path / "large", TABLE)), tmp_path)
    model(tmp_path / "small", {"model": {}})

    with pytest.raises(ModelRefused, match=r"no tokenizer\.json with a vocabulary"):
        draft_for(large, "small", tmp_path)
