"""`pensieve models`: what lies here, and whether it is as it was pulled."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from deploy.local_models import damaged, find_local, local_models
from models.errors import ModelNotFound, ModelRefused
from models.manifest import Manifest
from models.progress import silent
from queue_config.settings import Settings


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """With one pulled model, and a folder that is none."""
    folder = tmp_path / "org--tiny"
    folder.mkdir()
    (folder / "config.json").write_text('{"max_position_embeddings": 64, "model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    Manifest("hub:org/tiny", "abc", Manifest.sums_of(folder, silent)).write(folder)
    (tmp_path / "families").mkdir()
    return tmp_path


def pensieve(*arguments: str, models_dir: Path) -> Result:
    environ = dict.fromkeys(Settings().to_env()) | {
        "PENSIEVE_MODELS_DIR": str(models_dir),
        "PENSIEVE_HOME": str(models_dir / "home"),
    }
    return CliRunner().invoke(main, ["models", *arguments], env=environ)


def test_only_models_are_listed_by_the_name_that_pulls_them(models_dir: Path) -> None:
    (model,) = local_models(models_dir)
    listed = json.loads(pensieve("list", "--json", models_dir=models_dir).output)

    assert (model.name, model.dir, model.source) == ("org/tiny", models_dir / "org--tiny", "hub:org/tiny")
    assert [found["name"] for found in listed["here"]] == ["org/tiny"]
    assert {entry["here"] for entry in listed["catalogue"]} == {False}
    assert "org/tiny" in pensieve(models_dir=models_dir).output


def test_what_is_not_here_is_one_sentence(models_dir: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model org/other here"):
        find_local("org/other", models_dir)
    with pytest.raises(ModelNotFound):
        find_local("../families", models_dir)

    assert pensieve("info", "org/other", models_dir=models_dir).exit_code == 1


def test_a_file_that_changed_is_named_and_so_is_one_that_is_gone(models_dir: Path) -> None:
    whole = pensieve("check", "org/tiny", models_dir=models_dir)
    (models_dir / "org--tiny/model.safetensors").write_bytes(b"weightz")
    changed = pensieve("check", "org/tiny", "--json", models_dir=models_dir)
    (models_dir / "org--tiny/model.safetensors").unlink()

    assert (whole.exit_code, whole.output) == (0, "org/tiny is as it was pulled.\n")
    assert changed.exit_code == 1
    assert json.loads(changed.stdout) == {"name": "org/tiny", "ok": False, "damaged": ["model.safetensors"]}
    assert damaged(find_local("org/tiny", models_dir)) == ["model.safetensors"]


def test_what_nobody_pulled_can_not_be_checked(models_dir: Path) -> None:
    (models_dir / "own").mkdir()
    (models_dir / "own/config.json").write_text("{}")

    with pytest.raises(ModelRefused, match="not pulled by Pensieve"):
        damaged(find_local("own", models_dir))


def test_a_removed_model_is_gone_and_an_unsure_answer_keeps_it(models_dir: Path) -> None:
    kept = pensieve("rm", "org/tiny", models_dir=models_dir)
    was_there = (models_dir / "org--tiny").exists()
    removed = pensieve("rm", "--yes", "org/tiny", models_dir=models_dir)

    assert (kept.exit_code, was_there) == (1, True)
    assert (removed.exit_code, (models_dir / "org--tiny").exists()) == (0, False)
