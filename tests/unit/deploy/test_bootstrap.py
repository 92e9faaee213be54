"""Setting up .venv: what is asked of pip, and what is said while it works."""

from pathlib import Path

import pytest

from deploy.bootstrap import INPUTS, activity, complaint, digest, latest, requirement
from queue_config.settings import CHECKOUT


@pytest.mark.parametrize(
    ("mlx", "dev", "asked"),
    [("cpu", False, ".[cpu]"), ("metal", True, ".[metal,dev]"), ("none", True, ".[dev]"), ("none", False, ".")],
)
def test_pip_is_asked_for_the_extras_that_fit(mlx: str, dev: bool, asked: str) -> None:
    assert requirement(mlx, dev=dev) == asked


@pytest.mark.parametrize("changed", INPUTS)
def test_a_change_to_any_input_asks_for_a_new_set_up(changed: str, tmp_path: Path) -> None:
    for name in INPUTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    before = digest(tmp_path)
    (tmp_path / changed).write_text("after")

    assert digest(tmp_path) != before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Collecting tokenizers>=0.22 (from pensieve==0.1.0)", "finding tokenizers>=0.22"),
        ("  Downloading mypy-2.4.1-cp311-manylinux2014_x86_64.whl (15.4 MB)", "downloading mypy 2.4.1 (15.4 MB)"),
        ("Installing collected packages: a, b, c", "unpacking 3 packages"),
        ("  Preparing metadata (pyproject.toml): started", ""),
    ],
)
def test_pip_s_output_is_told_in_few_words(line: str, said: str) -> None:
    assert activity(line) == said


def test_the_last_complaint_is_the_one_reported() -> None:
    output = "Collecting mlx\nERROR: Could not find a version\nERROR: No matching distribution found for mlx.\nbye\n"

    assert latest(output, complaint) == "No matching distribution found for mlx"
    assert latest("Collecting mlx\n", complaint) == ""


def test_the_constraints_pin_names_and_name_no_host() -> None:
    lines = (CHECKOUT / "deploy/constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]

    assert [line for line in pins if "==" not in line] == []
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    assert [line for line in pins if line.startswith("torch")] == []
