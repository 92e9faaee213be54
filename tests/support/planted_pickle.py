"""A pickle that makes a folder when it is loaded, in every wrapping in which RQ or we could meet one."""

import base64
import os
import pickle
import zlib
from pathlib import Path


class Bait:
    """`sprung` tells whether any of `values`, ever, was unpickled."""

    def __init__(self, folder: Path) -> None:
        self._sprung = folder / "sprung"
        # The oldest protocol is all ASCII, and gets past whoever decodes before he loads.
        plain = [pickle.dumps(self, protocol) for protocol in (0, pickle.HIGHEST_PROTOCOL)]
        self.values = [*plain, *map(zlib.compress, plain), *map(base64.b64encode, plain)]
        self.values += [base64.b64encode(zlib.compress(value)) for value in plain]

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._sprung),)

    @property
    def sprung(self) -> bool:
        return self._sprung.exists()
