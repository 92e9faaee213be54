"""What a model's makers say of its sampling, and what of that counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.folder import ModelFolder
from models.sampling_defaults import OPEN_TO_MODEL, SamplingDefaults


def defaults(folder: Path, told: dict[str, Any], name: str = "mine") -> dict[str, Any]:
    (folder / "generation_config.json").write_text(json.dumps(told))
    return SamplingDefaults.of(ModelFolder(folder), name).among(OPEN_TO_MODEL)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"temperature": 0, "top_p": 0.8, "min_p": 0}, {"temperature": 0.0, "top_p": 0.8, "min_p": 0.0}),
        ({"top_k": 20}, {"top_k": 20}),
        ({"temperature": 0.6, "repetition_penalty": 1.1, "eos_token_id": 2}, {"temperature": 0.6}),
        ({"temperature": 17, "top_p": "much", "top_k": True, "min_p": None}, {}),
        ({}, {}),
    ],
)
def test_numbers_in_range_count(tmp_path: Path, told: dict[str, Any], expected: dict[str, Any]) -> None:
    assert defaults(tmp_path, told) == expected


def test_the_catalogue_says_what_the_files_dont(tmp_path: Path) -> None:
    assert defaults(tmp_path, {}, "smollm2-135m-instruct") == {"temperature": 0.2}
    assert defaults(tmp_path, {"top_p": 0.5}, "smollm2-135m-instruct") == {"temperature": 0.2, "top_p": 0.5}


def test_what_the_caller_says_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"temperature": 0.7, "top_p": 0.8}')

    assert SamplingDefaults.of(ModelFolder(tmp_path), "mine").among({"top_p", "top_k"}) == {"top_p": 0.8}
