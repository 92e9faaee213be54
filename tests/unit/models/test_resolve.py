"""Resolving: names, ids and paths that find a model, and the sentence for each that doesn't."""

import json
import shutil
from pathlib import Path

import pytest

from models.errors import ModelError, ModelNotFound, ModelRefused
from models.resolve import ModelSpec, folder_of, is_name, resolve
from tests.unit.models.small_tokenizers import save

WEIGHTS = b"12345678"


def make_model(folder: Path, **config: object) -> Path:
    """A folder that looks like a model; nothing reads its weights."""
    folder.mkdir(parents=True)
    save("byte-level", folder)
    (folder / "config.json").write_text(
        json.dumps({"max_position_embeddings": 4096, "quantization": {"bits": 4, "group_size": 64}} | config)
    )
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    return folder


def spec(folder: Path, name: str) -> ModelSpec:
    return ModelSpec(
        name=name, dir=folder, context_tokens=4096, family="template", weights_bytes=len(WEIGHTS), quantization="4-bit"
    )


def test_a_catalogue_name_means_its_folder(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "qwen3-4b-4bit")

    assert resolve("qwen3-4b-4bit", tmp_path) == spec(folder, "qwen3-4b-4bit")
    assert resolve("mlx-community/Qwen3-4B-4bit", tmp_path) == spec(folder, "qwen3-4b-4bit")


def test_a_pulled_hub_id_keeps_its_name(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "org--Some-Model")

    assert resolve("org/Some-Model", tmp_path) == spec(folder, "org/Some-Model")


def test_a_path_may_be_the_folder_the_weights_or_their_index(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "elsewhere" / "mine")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "model.safetensors"}}')
    paths = [folder, folder / "model.safetensors", folder / "model.safetensors.index.json"]

    assert [resolve(str(path), tmp_path) for path in paths] == [spec(folder, "mine")] * 3


def test_shards_count_together(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "big")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shutil.copy(folder / "model-00001-of-00002.safetensors", folder / "model-00002-of-00002.safetensors")

    assert resolve("big", tmp_path).weights_bytes == 2 * len(WEIGHTS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qwen3-4b-4bit", "pensieve pull qwen3-4b-4bit"),
        ("org/model", "pensieve pull org/model"),
        ("../secret", "no file or folder '../secret'"),
        ("a/../../b", "no file or folder"),
        ("/nowhere/at/all", "no file or folder"),
        ("", "no file or folder"),
    ],
)
def test_what_is_not_there_is_not_found(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ModelNotFound, match=message):
        resolve(name, tmp_path)


@pytest.mark.parametrize("name", ["../up", "a/../b", "a..b", "/abs", "a/b/c", ".hidden", "a b", "a\nb", "ä", ""])
def test_such_a_text_is_no_name(name: str) -> None:
    assert not is_name(name)


def test_a_name_never_leads_out_of_the_models_folder(tmp_path: Path) -> None:
    assert folder_of("org/model", tmp_path).parent == tmp_path


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_file": "x.py"}, "names Python code under `model_file`"),
        ({"model_file": None}, "names Python code under `model_file`"),
        ({"auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}}, "names Python code under `auto_map`"),
        ({"model_type": "../utils"}, "no name of an architecture"),
        ({"model_type": ["llama"]}, "no name of an architecture"),
        ({"max_position_embeddings": None}, "context length"),
        ({"max_position_embeddings": True}, "context length"),
        ({"max_position_embeddings": None, "text_config": "4096"}, "context length"),
    ],
)
def test_a_config_that_we_cannot_serve_is_refused(tmp_path: Path, config: dict[str, object], message: str) -> None:
    make_model(tmp_path / "m", **config)

    with pytest.raises(ModelRefused, match=message):
        resolve("m", tmp_path)


def test_a_tokenizer_that_names_code_is_refused(tmp_path: Path) -> None:
    file = make_model(tmp_path / "m") / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": {"AutoTokenizer": ["t.T", None]}}))

    with pytest.raises(ModelRefused, match=r"tokenizer_config\.json names Python code"):
        resolve("m", tmp_path)


def test_a_name_that_is_a_link_out_of_the_models_folder_is_refused_and_its_path_is_not(tmp_path: Path) -> None:
    folder, models_dir = make_model(tmp_path / "elsewhere" / "mine"), tmp_path / "models"
    models_dir.mkdir()
    (models_dir / "mine").symlink_to(folder)

    with pytest.raises(ModelRefused, match=f"give the path itself: {folder}"):
        resolve("mine", models_dir)
    assert resolve(str(models_dir / "mine"), models_dir) == spec(folder, "mine")


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "notes"])
def test_a_file_that_is_a_link_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = make_model(tmp_path / "m")
    (tmp_path / "other").write_text("{}")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("../other")

    with pytest.raises(ModelRefused, match=f"{name} is a link that leads out"):
        resolve("m", tmp_path)


def test_the_hubs_cache_links_to_its_own_blobs(tmp_path: Path) -> None:
    repository = tmp_path / "models--org--mine"
    folder = make_model(repository / "snapshots" / "abc")
    (repository / "blobs").mkdir()
    (folder / "model.safetensors").rename(repository / "blobs" / "123")
    (folder / "model.safetensors").symlink_to("../../blobs/123")

    assert resolve(str(folder), tmp_path) == spec(folder, "abc")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../../../blobs/123")
    with pytest.raises(ModelRefused, match="leads out"):
        resolve(str(folder), tmp_path)


def test_code_in_the_folder_is_refused(tmp_path: Path) -> None:
    (make_model(tmp_path / "m") / "modeling.py").touch()

    with pytest.raises(ModelRefused, match="never runs"):
        resolve("m", tmp_path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("model.gguf", "GGUF weights only"),
        ("pytorch_model.bin", "PyTorch weights only"),
        ("weights.npz", "NumPy weights only"),
        ("notes.txt", "no model.safetensors"),
    ],
)
def test_other_weights_are_refused(tmp_path: Path, other: str, message: str) -> None:
    folder = make_model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / other)

    with pytest.raises(ModelRefused, match=message):
        resolve("m", tmp_path)


def test_a_missing_shard_is_refused_by_name(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m")
    index = {"weight_map": {"x": "model.safetensors", "y": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(ModelRefused, match=r"model-00002-of-00002\.safetensors is missing"):
        resolve("m", tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.touch()

    with pytest.raises(ModelRefused, match="is no model"):
        resolve(str(file), tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors.index.json", b'{"weight_map": []}'),
        ("config.json", b"[" * 5_000),
        ("config.json", b'{"a": "\xff"}'),
        ("chat_template.jinja", b"\xff"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    folder = make_model(tmp_path / "m")
    (folder / name).write_bytes(content)

    with pytest.raises(ModelRefused, match=f"{name} is broken"):
        resolve("m", tmp_path)


@pytest.mark.parametrize("missing", ["config.json", "tokenizer_config.json"])
def test_a_folder_without_its_json_is_refused(tmp_path: Path, missing: str) -> None:
    (make_model(tmp_path / "m") / missing).unlink()

    with pytest.raises(ModelError, match=r"no config\.json|no chat template"):
        resolve("m", tmp_path)
