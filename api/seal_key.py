"""The key that signs thinking: made once for a home folder, so that all its API processes have the same."""

import secrets
from pathlib import Path

from queue_config.made_once import made_once

NAME = "thinking.key"
_BYTES = 32


def seal_key(home: Path) -> bytes:
    """The home's key; whoever comes first makes it. Raises OSError."""
    return made_once(home / NAME, lambda: secrets.token_bytes(_BYTES))
