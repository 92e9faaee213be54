"""The key that signs thinking: made once for a home folder, so that all its API processes have the same."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

NAME = "thinking.key"
_BYTES = 32


def seal_key(home: Path) -> bytes:
    """The home's key; whoever comes first makes it, readable for its owner alone. Raises OSError."""
    path = home / NAME
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        # Made aside and linked: nobody ever reads half a key, and of two processes one wins.
        descriptor, made = tempfile.mkstemp(dir=home, prefix=NAME)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(made, path)
        Path(made).unlink()
    return path.read_bytes()
