"""Which draft model a worker loads, by its settings and by what is here."""

import json
import logging
from pathlib import Path

import pytest

from models.resolve import resolve
from queue_config.settings import Settings
from tests.support.tiny_llama import write_tiny_llama
from workers.build import draft_dir

LARGE, SMALL = "qwen3-8b-4bit", "qwen3-0.6b-4bit"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """With a model, the draft model that the catalogue names for it, and another one of another vocabulary."""
    for name, words in ((LARGE, "ab"), (SMALL, "ab"), ("other", "ba")):
        folder = write_tiny_llama(tmp_path / name, max_position_embeddings=512)
        vocabulary = {word: place for place, word in enumerate(words)}
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    return tmp_path


@pytest.mark.parametrize(
    ("model", "settings", "draft"),
    [
        (LARGE, {}, SMALL),
        (LARGE, {"draft_model": "none"}, None),
        (LARGE, {"speculation": "prompt"}, None),
        (LARGE, {"speculation": "off"}, None),
        (SMALL, {}, None),
        (SMALL, {"draft_model": LARGE}, LARGE),
    ],
)
def test_the_catalogue_or_the_settings_name_it(
    models_dir: Path, model: str, settings: dict[str, str], draft: str | None
) -> None:
    found = draft_dir(Settings(models_dir=models_dir, **settings), resolve(model, models_dir))  # type: ignore[arg-type]

    assert found == (None if draft is None else models_dir / draft)


@pytest.mark.parametrize(
    ("draft_model", "why"),
    [("other", "other can't guess for qwen3-8b-4bit"), ("qwen2.5-0.5b-instruct-4bit", "pensieve pull qwen2.5")],
)
def test_one_that_can_not_be_had_is_an_error_in_the_log_and_the_model_serves_without(
    models_dir: Path, caplog: pytest.LogCaptureFixture, draft_model: str, why: str
) -> None:
    settings = Settings(models_dir=models_dir, draft_model=draft_model)
    with caplog.at_level(logging.INFO):
        found = draft_dir(settings, resolve(LARGE, models_dir))

    assert found is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert why in caplog.text


def test_one_that_nobody_asked_for_and_that_is_not_here_is_a_hint(
    models_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (models_dir / SMALL).rename(models_dir / "elsewhere")
    with caplog.at_level(logging.INFO):
        found = draft_dir(Settings(models_dir=models_dir), resolve(LARGE, models_dir))

    assert found is None
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert f"pensieve pull {SMALL}" in caplog.text
