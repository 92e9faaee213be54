"""Finding and ending this service's processes in the process table, for when no supervisor is left to ask."""

import os
import signal
import subprocess
import time
from pathlib import Path

from deploy.places import Places

PROC = Path("/proc")
_POLL_S = 0.1


def ours(where: Places) -> list[int]:
    """Pids of all living processes of this service, whoever started them. Zombies don't count."""
    marks = (f" pensieve={where.identity} ", f" unixsocket:{where.redis_socket} ")
    return sorted(pid for pid, command in _commands() if any(mark in f" {command} " for mark in marks))


def end(where: Places, *, patience_s: float) -> list[int]:
    """SIGTERM all of them, SIGKILL what is left after `patience_s`; return the pids once all are gone."""
    found = ours(where)
    _signal(found, signal.SIGTERM)
    if not wait_until_gone(where, patience_s=patience_s):
        _signal(ours(where), signal.SIGKILL)
        wait_until_gone(where, patience_s=patience_s)
    return found


def wait_until_gone(where: Places, *, patience_s: float) -> bool:
    give_up_at = time.monotonic() + patience_s
    while ours(where):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(_POLL_S)
    return True


def _signal(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue


def _commands() -> list[tuple[int, str]]:
    # Linux has /proc but, in a small container, no ps; macOS has ps but no /proc.
    return _from_proc() if (PROC / "self/cmdline").exists() else _from_ps()


def _from_proc() -> list[tuple[int, str]]:
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it ended, or belongs to somebody else
            continue
        found.append((int(entry.name), os.fsdecode(command.replace(b"\0", b" ")).strip()))
    return found


def _from_ps() -> list[tuple[int, str]]:
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    lines = (line.strip().partition(" ") for line in listing.stdout.splitlines())
    return [(int(pid), command.strip()) for pid, _, command in lines]
