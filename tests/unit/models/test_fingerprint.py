"""The fingerprint tells copies of a model apart whose prompts would differ, and no others."""

import json
from pathlib import Path

from models.fingerprint import prompt_fingerprint


def a_folder(folder: Path, *, eos: int = 2, template: str = "{{ messages }}", vocabulary: str = "a") -> Path:
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {vocabulary: 0}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, "eos_token": "</s>"}))
    (folder / "config.json").write_text(json.dumps({"eos_token_id": eos}))
    return folder


def test_two_copies_share_it_whatever_their_weights(tmp_path: Path) -> None:
    one, two = a_folder(tmp_path / "one"), a_folder(tmp_path / "two")
    (two / "model.safetensors").write_bytes(b"quantised otherwise")

    assert prompt_fingerprint(one) == prompt_fingerprint(two)


def test_a_change_of_vocabulary_chat_format_or_ends_changes_it(tmp_path: Path) -> None:
    folders = [
        a_folder(tmp_path / "one"),
        a_folder(tmp_path / "two", vocabulary="b"),
        a_folder(tmp_path / "three", template="{{ other }}"),
        a_folder(tmp_path / "four", eos=3),
    ]

    assert len({prompt_fingerprint(folder) for folder in folders}) == 4
