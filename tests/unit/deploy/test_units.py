"""Units for systemd and launchd, and the command that installs them."""

import configparser
import plistlib
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from deploy.supervision import SLACK_S
from deploy.units import launch_agent, stop_s, systemd_unit
from queue_config.settings import Settings
from tests.support.examples import EXAMPLES, unit_at

HOSTILE = 'a "b" 100% \\ $HOME\nExecStart=/bin/false'


def sections(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_the_examples_are_what_the_command_writes() -> None:
    assert (EXAMPLES / "systemd/user/pensieve.service").read_text() == systemd_unit(unit_at("/home/you/pensieve"))
    assert (EXAMPLES / "launchd/local.pensieve.plist").read_text() == launch_agent(unit_at("/Users/you/pensieve"))


def test_both_start_the_same_command_and_let_it_drain() -> None:
    unit = unit_at("/srv/pensieve")
    service = sections(systemd_unit(unit))["Service"]
    agent = plistlib.loads(launch_agent(unit).encode())

    assert service["ExecStart"].split() == agent["ProgramArguments"] == [*unit.command]
    assert int(service["TimeoutStopSec"]) == agent["ExitTimeOut"] == unit.stop_s
    assert stop_s(20.0) > 3 * (20 + SLACK_S)
    assert agent["EnvironmentVariables"]["PENSIEVE_MODEL"] == Settings().model


def test_no_value_gets_out_of_its_line() -> None:
    unit = replace(unit_at("/srv/a b"), environment={"PENSIEVE_API_KEY": HOSTILE})
    service = sections(systemd_unit(unit))["Service"]

    assert service["Environment"] == r'"PENSIEVE_API_KEY=a \"b\" 100%% \\ $HOME\nExecStart=/bin/false"'
    assert service["ExecStart"] == '"/srv/a b/.venv/bin/pensieve" start --foreground'
    assert plistlib.loads(launch_agent(unit).encode())["EnvironmentVariables"]["PENSIEVE_API_KEY"] == HOSTILE


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service manager that notes what it is told, and obeys until there is a file `fails`."""
    told = tmp_path / "told"
    for name in ("systemctl", "launchctl"):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> "{told}"\n[ ! -e "{tmp_path}/fails" ]\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    return told


def service(*words: str, home: Path, **variables: str) -> Result:
    environ = dict.fromkeys(Settings().to_env()) | {"PENSIEVE_HOME": str(home / "state")} | variables
    return CliRunner().invoke(main, ["service", *words], env=environ)


@pytest.mark.skipif(sys.platform != "linux", reason="where systemd keeps units")
def test_installing_writes_starts_and_keeps_the_settings_secret(manager: Path, tmp_path: Path) -> None:
    result = service("install", home=tmp_path, PENSIEVE_API_KEY="sk-secret", PENSIEVE_PORT="7800")
    path = tmp_path / ".config/systemd/user/pensieve.service"
    again = service("install", home=tmp_path)

    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Environment=PENSIEVE_API_KEY=sk-secret\n" in path.read_text()
    assert "sk-secret" not in result.output
    assert manager.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable pensieve.service",
        "systemctl --user restart pensieve.service",
    ]
    assert (again.exit_code, "uninstall" in again.output) == (1, True)


@pytest.mark.skipif(sys.platform != "linux", reason="where systemd keeps units")
def test_a_unit_that_is_not_loaded_can_be_removed(manager: Path, tmp_path: Path) -> None:
    (tmp_path / "fails").touch()
    installed = service("install", "--name", "second", home=tmp_path)
    removed = service("uninstall", "--name", "second", home=tmp_path)
    path = tmp_path / ".config/systemd/user/second.service"

    assert installed.exit_code == 1
    assert "`systemctl --user daemon-reload` failed with code 1" in installed.output
    assert (removed.exit_code, path.exists()) == (0, False)
    assert service("uninstall", "--name", "second", home=tmp_path).exit_code == 1


def test_a_mac_s_agent_can_be_shown_anywhere(tmp_path: Path) -> None:
    result = service("print", "--kind", "launchd", "--name", "mine", home=tmp_path, PENSIEVE_PORT="7800")
    agent = plistlib.loads(result.stdout.encode())

    assert agent["Label"] == "local.mine"
    assert agent["ProgramArguments"] == [str(Path(sys.executable).with_name("pensieve")), "start", "--foreground"]
    assert agent["EnvironmentVariables"]["PENSIEVE_PORT"] == "7800"


def test_a_wrong_setting_never_gets_into_a_unit(tmp_path: Path) -> None:
    result = service("print", home=tmp_path, PENSIEVE_PROT="7800")

    assert (result.exit_code, "PENSIEVE_PROT is no setting" in result.output) == (1, True)
