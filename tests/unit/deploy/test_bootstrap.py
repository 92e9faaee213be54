"""Setting up .venv: what is asked of pip, and what is said while it works."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.bootstrap import CONSTRAINTS, CORE, INPUTS, LOCK, TOOLS, activity, complaint, digest, latest, locked
from deploy.bootstrap import requirement as requirement_of
from deploy.lock import machines
from queue_config.settings import CHECKOUT


@pytest.mark.parametrize(
    ("mlx", "dev", "asked"),
    [("cpu", False, ".[cpu]"), ("metal", True, ".[metal,dev]"), ("none", True, ".[dev]"), ("none", False, ".")],
)
def test_pip_is_asked_for_the_extras_that_fit(mlx: str, dev: bool, asked: str) -> None:
    assert requirement_of(mlx, dev=dev) == asked


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


SMALL_LOCK = """\
# A note for people.
# everybody
flask==3.1.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
# cpu dev
mlx==0.32.4 ; sys_platform == 'linux' \\
    --hash=sha256:cc
# metal
mlx-metal==0.32.4 \\
    --hash=sha256:dd
"""


def test_of_the_lock_only_what_is_wanted_is_installed() -> None:
    wanted = locked(SMALL_LOCK, {CORE, "cpu"})

    assert wanted == SMALL_LOCK[SMALL_LOCK.index("flask") : SMALL_LOCK.index("# metal")].replace("# cpu dev\n", "")
    assert locked(SMALL_LOCK, {"none"}) == ""


def requirements(text: str) -> list[Requirement]:
    lines = [line.removesuffix(" \\") for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", " "))]


def test_the_lock_has_the_versions_of_the_constraints_and_names_no_host() -> None:
    text = LOCK.read_text()
    pins = {(pin.name, str(pin.specifier)) for pin in requirements(CONSTRAINTS.read_text())}

    assert {(pin.name, str(pin.specifier)) for pin in requirements(text)} - pins == set()
    assert "://" not in text
    assert "--index" not in text


def test_every_locked_package_has_its_hashes() -> None:
    packages = re.split(r"^# .*\n", LOCK.read_text(), flags=re.MULTILINE)[3:]

    assert [
        package for package in packages if not re.fullmatch(r"\S.*( \\\n    --hash=sha256:[0-9a-f]{64})+\n", package)
    ] == []
    assert len(packages) > 100


@pytest.mark.parametrize("build", ["none", "metal", "cpu", "cuda12", "cuda13"])
def test_on_every_machine_a_build_finds_each_package_once_and_all_that_is_asked_for(build: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [Requirement(text) for text in (*project["dependencies"], *extras["dev"], *extras.get(build, ()))]
    there = requirements(locked(LOCK.read_text(), {CORE, TOOLS, "dev", build}))
    for machine in machines():
        names = names_for(machine, there)

        assert sorted(names) == sorted(set(names))
        assert set(names_for(machine, asked)) <= set(names)


def names_for(machine: dict[str, str], wanted: list[Requirement]) -> list[str]:
    return [asked.name for asked in wanted if asked.marker is None or asked.marker.evaluate(machine)]
