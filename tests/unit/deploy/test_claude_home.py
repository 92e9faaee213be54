"""Claude Code's own home under Pensieve's."""

import json
from pathlib import Path

import pytest

from deploy.claude_home import prepare_home
from deploy.failure import Failure


def test_a_new_home_skips_the_greeting_asks_before_acting_and_is_private(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "pensieve")

    files = {path.name: json.loads(path.read_text()) for path in (home / ".claude").iterdir()}
    assert files == {
        ".claude.json": {"hasCompletedOnboarding": True},
        "settings.json": {"permissions": {"defaultMode": "default"}},
    }
    assert [folder.stat().st_mode & 0o077 for folder in (home, home / ".claude")] == [0, 0]


def test_what_the_client_wrote_stays(tmp_path: Path) -> None:
    settings = prepare_home(tmp_path) / ".claude" / "settings.json"
    settings.write_text('{"theme": "light"}')
    prepare_home(tmp_path)

    assert settings.read_text() == '{"theme": "light"}'


def test_a_home_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Failure, match="Set PENSIEVE_HOME to a folder of your own"):
        prepare_home(tmp_path / "file")
