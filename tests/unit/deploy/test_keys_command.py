"""`pensieve keys`, as somebody types it."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import main
from deploy.own_key import NAME, own_key
from queue_config.api_keys import SCOPES, KeyFile, Limits
from queue_config.settings import Settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PENSIEVE_HOME", str(tmp_path))
    monkeypatch.delenv("PENSIEVE_API_KEY", raising=False)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["keys", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_is_shown_once_and_works(home: Path) -> None:
    limits = ("--requests-per-minute", "5", "--output-tokens-per-minute", "900", "--streams", "3")
    key = run("create", "laptop", "--scope", "messages", "--scope", "batches", *limits).strip()
    found = KeyFile(home).find(key)

    assert found is not None
    assert (found.name, found.scopes) == ("laptop", ("messages", "batches"))
    assert found.limits == Limits(requests_per_minute=5, output_tokens_per_minute=900, streams=3)
    assert key not in run("list")


def test_the_list_says_what_each_key_may_do(home: Path) -> None:
    run("create", "laptop", "--requests-per-minute", "5")
    lines = run("list").splitlines()

    assert [line.split()[0] for line in lines] == ["name", "laptop", NAME]
    assert "5 requests/min, 64 streams" in lines[1]


def test_a_revoked_key_is_gone(home: Path) -> None:
    key = run("create", "laptop").strip()
    run("revoke", "laptop")

    assert KeyFile(home).find(key) is None


def test_with_the_first_key_the_homes_own_commands_get_one_too(home: Path) -> None:
    run("create", "laptop")
    own = own_key(Settings(home=home))
    run("create", "phone")
    found = KeyFile(home).find(own)

    assert found is not None
    assert (found.name, found.scopes, found.limits.are_rates) == (NAME, SCOPES, False)
    assert own_key(Settings(home=home)) == own
    assert stat.S_IMODE((home / "commands.key").stat().st_mode) == 0o600


def test_the_owners_setting_goes_before_the_homes_own_key(home: Path) -> None:
    run("create", "laptop")

    assert own_key(Settings(home=home, api_key="mine")) == "mine"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("create", "two words"), "no name of a key"),
        (("revoke", "phone"), "no key named phone"),
        (("create", "laptop", "--scope", "everything"), "everything"),
    ],
)
def test_what_cant_be_done_is_said_in_a_sentence(arguments: tuple[str, ...], complaint: str) -> None:
    result = CliRunner().invoke(main, ["keys", *arguments])

    assert result.exit_code in {1, 2}
    assert complaint in result.output
