"""A pull's bar on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from deploy.progress_bar import progress_bar


def test_the_bar_tells_what_is_done_and_how_much_and_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = StringIO()
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with progress_bar(console) as tell:
        tell(0, None, "downloading tiny")
        tell(5_000_000, 10_000_000, "checking")
    shown = terminal.getvalue()

    assert "checking" in shown
    assert "5.0/10.0 MB" in shown
    assert shown.endswith("\x1b[2K")
