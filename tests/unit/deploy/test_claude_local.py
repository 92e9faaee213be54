"""deploy/claude-local: `pensieve claude` from any folder, also through a link."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from queue_config.settings import CHECKOUT


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """Somewhere on the user's PATH, to the script in a checkout."""
    checkout = tmp_path / "check out"
    (checkout / "deploy").mkdir(parents=True)
    shutil.copy(CHECKOUT / "deploy" / "claude-local", checkout / "deploy")
    link = tmp_path / "claude-local"
    link.symlink_to(checkout / "deploy" / "claude-local")
    return link


def run(link: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([link, *arguments], capture_output=True, text=True, timeout=20, check=False)


def test_it_is_the_command_of_its_checkout_with_all_arguments(link: Path) -> None:
    pensieve = link.resolve().parents[1] / ".venv" / "bin" / "pensieve"
    pensieve.parent.mkdir(parents=True)
    pensieve.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 5\n')
    pensieve.chmod(stat.S_IRWXU)

    done = run(link, "-p", "two words", "")

    assert (done.stdout, done.returncode) == ("<claude><-p><two words><>", 5)


def test_a_checkout_that_was_never_set_up_says_so(link: Path) -> None:
    done = run(link)

    assert done.returncode == 1
    assert "run `make up` there once" in done.stderr
