"""`pensieve completion`: scripts that shells take, and the words behind them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import COMMANDS, main
from deploy.commands.completion import SHELLS, VARIABLE

PENSIEVE = Path(sys.executable).with_name("pensieve")


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell_that_asks_this_command(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in result.output


def test_another_shell_is_a_mistake_of_usage() -> None:
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_finds_nothing_wrong_with_its_script(shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell} here")
    script = CliRunner().invoke(main, ["completion", shell]).output

    subprocess.run([found, "-n"], input=script, text=True, check=True)


def completed(words: str) -> list[str]:
    """What the installed command answers to bash for the last of these words."""
    environ = {VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run([PENSIEVE], env=environ, capture_output=True, text=True, timeout=60, check=False)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_and_options_are_completed() -> None:
    assert completed("pensieve st") == [name for name in COMMANDS if name.startswith("st")]
    assert completed("pensieve logs --f") == ["--follow"]
