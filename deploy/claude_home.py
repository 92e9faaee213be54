"""Claude Code's home under Pensieve's: nothing of the user's own account or settings is in it."""

from pathlib import Path

import orjson

from deploy.failure import Failure

FOLDER = "claude-code"
_FIRST_FILES = {
    # Skips greeting, theme and sign-in, which has no sense here. Whether a folder is trusted stays the user's to say.
    ".claude.json": {"hasCompletedOnboarding": True},
    # Its own default lets the service judge each tool call, which no small model can; this one asks the user.
    "settings.json": {"permissions": {"defaultMode": "default"}},
}


def prepare_home(pensieve_home: Path) -> Path:
    """Make it where it is missing, readable by nobody else; what the client wrote there stays as it is."""
    home = pensieve_home / FOLDER
    settings = home / ".claude"
    try:
        for folder in (pensieve_home, home, settings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in _FIRST_FILES.items():
            if not (settings / name).exists():
                (settings / name).write_bytes(orjson.dumps(content))
    except OSError as error:
        raise Failure(f"{home} can't be used: {error.strerror}. Set PENSIEVE_HOME to a folder of your own.") from error
    return home
