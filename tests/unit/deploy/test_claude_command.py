"""`pensieve claude` where there is no client."""

from pathlib import Path

from click.testing import CliRunner

from deploy.cli import main


def test_without_the_client_nothing_starts_and_the_user_hears_how_to_get_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = CliRunner().invoke(main, ["claude", "--help"], env={"PATH": str(tmp_path), "PENSIEVE_HOME": str(home)})

    assert result.exit_code == 127
    assert "npm install -g @anthropic-ai/claude-code" in result.output
    assert not home.exists()
