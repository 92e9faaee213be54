"""The key by which this home's own commands (status, claude, bench ...) call its service."""

from pathlib import Path

from queue_config.api_keys import SCOPES, KeyFile, Limits
from queue_config.settings import Settings

NAME = "pensieve-commands"
"""How `pensieve keys list` shows it; revoked, it stays revoked until another key is made."""


def give_own_key(settings: Settings) -> None:
    """See to it that there is one, now that calls need a key. It lies readable for the home's owner alone."""
    keys = KeyFile(settings.home)
    path = _path(settings.home)
    if any(key.name == NAME for key in keys.all()):
        if path.exists():
            return
        keys.revoke(NAME)
    key = keys.create(NAME, SCOPES, Limits(streams=0))
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(key)


def own_key(settings: Settings) -> str:
    """PENSIEVE_API_KEY, or the home's own; "" where there is neither."""
    if settings.api_key:
        return settings.api_key
    try:
        return _path(settings.home).read_text()
    except FileNotFoundError:
        return ""


def _path(home: Path) -> Path:
    return home / "commands.key"
