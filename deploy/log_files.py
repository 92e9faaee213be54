"""Reading the processes' log files: their last lines, and following them across rotations."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

_BLOCK_BYTES = 64 * 1024
_POLL_S = 0.2
_TOLD = frozenset({"time", "level", "process", "logger", "message", "exception"})


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines; none if there is no file. Reads only the file's end."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        block = b""
        while size > 0 and block.count(b"\n") <= lines:
            step = min(_BLOCK_BYTES, size)
            size = file.seek(size - step)
            block = file.read(step) + block
    return block.decode(errors="replace").splitlines()[-lines:] if lines else []


def readable(line: str) -> str:
    """A JSON log line as a person would write it, with its stack trace; any other line as it is."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(fields, dict) or "message" not in fields:
        return line
    clock = f"{fields['time'][11:23]} " if isinstance(fields.get("time"), str) else ""
    more = "".join(f" {name}={_shown(value)}" for name, value in fields.items() if name not in _TOLD)
    text = f"{clock}{fields.get('level', 'info').upper():7} {fields['message']}{more}"
    return f"{text}\n{fields['exception']}" if "exception" in fields else text


def _shown(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class Follower:
    """New lines of one log file from where it ended when this was made, through rotation and truncation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset = self._where()
        self._partial = b""

    def new_lines(self) -> list[str]:
        inode, size = self._where()
        if inode != self._inode or size < self._offset:
            self._inode, self._offset, self._partial = inode, 0, b""
        if size <= self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            block = file.read()
        self._offset += len(block)
        *lines, self._partial = (self._partial + block).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def _where(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size


def follow(paths: dict[str, Path], sleep: Callable[[float], None] = time.sleep) -> Iterator[tuple[str, str]]:
    """(name, line) as they come, for ever."""
    followers = {name: Follower(path) for name, path in paths.items()}
    while True:
        for name, follower in followers.items():
            for line in follower.new_lines():
                yield name, line
        sleep(_POLL_S)
