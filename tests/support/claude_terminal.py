"""The interactive client in a terminal of its own: what is typed goes in, what it draws is thrown away."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from typing import Self

from tests.support.claude_client import ClaudeClient

ROWS, COLUMNS = 40, 120


class ClaudeTerminal:
    """Runs from `with` to its end."""

    def __init__(self, client: ClaudeClient, *arguments: str) -> None:
        self._client = client
        self._arguments = arguments

    def __enter__(self) -> Self:
        self._terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [self._client.binary, *self._arguments], env=self._client.environ | {"TERM": "xterm-256color"},
            cwd=self._client.project, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        self._reader = threading.Thread(target=self._drain)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._terminal)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _drain(self) -> None:
        """A client whose terminal is full stands still."""
        try:
            while os.read(self._terminal, 65_536):
                pass
        except OSError:  # on Linux the end of a terminal whose program is gone
            return
