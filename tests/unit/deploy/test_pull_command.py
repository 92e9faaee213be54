"""`pensieve pull`: what it says of a model that is here."""

import json
from pathlib import Path

from click.testing import CliRunner

from deploy.cli import main
from queue_config.settings import Settings
from tests.support.tiny_llama import write_tiny_llama

HINT = "A lone answer comes faster with a draft model beside it: pensieve pull qwen3-0.6b-4bit"


def said_of(name: str, models_dir: Path) -> str:
    environ = dict.fromkeys(Settings().to_env()) | {"PENSIEVE_MODELS_DIR": str(models_dir)}
    return CliRunner().invoke(main, ["pull", name], env=environ).output


def test_a_draft_model_that_is_not_here_is_named(tmp_path: Path) -> None:
    for name in ("qwen3-8b-4bit", "qwen3-0.6b-4bit"):
        folder = write_tiny_llama(tmp_path / name, max_position_embeddings=512)
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    small, both = said_of("qwen3-0.6b-4bit", tmp_path), said_of("qwen3-8b-4bit", tmp_path)
    (tmp_path / "qwen3-0.6b-4bit").rename(tmp_path / "elsewhere")

    assert "qwen3-0.6b-4bit is in" in small
    assert HINT not in small + both
    assert HINT in said_of("qwen3-8b-4bit", tmp_path)
