"""A small file that is made once: whoever comes first makes it, and nobody ever reads half of it."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """Its content, readable for its owner alone; of two processes that make it at once, one wins. Raises OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made aside and linked.
        descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        with suppress(FileExistsError):
            os.link(made, path)
        Path(made).unlink()
    return path.read_bytes()
