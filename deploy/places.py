"""Where one service keeps its state: everything under its home, so that two checkouts share nothing."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.failure import Failure

MAX_SOCKET_BYTES = 103
"""A Unix socket's address on macOS holds 104 bytes with its final NUL; Linux takes a few more."""
SHORT_ROOT = Path("/tmp")  # noqa: S108 - a fixed place, since TMPDIR differs between shells; prepare() checks it
_LONGEST_NAME = len("/supervisor.sock.4194304")
"""supervisord binds a name with its pid appended before it moves the socket into place."""


@dataclass(frozen=True, slots=True)
class Places:
    home: Path
    run: Path
    """Holds the sockets; private, and with a path short enough for them."""

    @property
    def identity(self) -> str:
        """Marks this service's processes in the process table."""
        return _identity(self.home)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def redis_data(self) -> Path:
        return self.home / "redis"

    @property
    def redis_config(self) -> Path:
        return self.home / "redis.conf"

    @property
    def redis_acl(self) -> Path:
        return self.home / "redis.acl"

    @property
    def redis_password(self) -> Path:
        return self.home / "redis.password"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def supervisor_config(self) -> Path:
        return self.home / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def supervisor_pidfile(self) -> Path:
        return self.home / "supervisord.pid"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def running(self) -> Path:
        """What the service was last started with."""
        return self.home / "running.json"

    def log_of(self, process: str) -> Path:
        return self.logs / f"{process}.log"


def places(home: Path) -> Places:
    """The places of the service that lives in `home`, an absolute path. Touches nothing."""
    run = home / "run"
    if len(os.fsencode(run)) + _LONGEST_NAME > MAX_SOCKET_BYTES:
        run = SHORT_ROOT / f"pensieve-{os.getuid()}-{_identity(home)}"
    return Places(home, run)


def prepare(where: Places) -> None:
    """Make the folders, readable by nobody else; raise Failure if somebody else could have made them."""
    for folder in (where.home, where.run, where.logs, where.redis_data):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
                folder.chmod(0o700)
        except OSError as error:
            raise Failure(
                f"{folder} can't be used: {error.strerror}. Set PENSIEVE_HOME to a folder that you may write."
            ) from error
    if not stat.S_ISDIR(where.run.lstat().st_mode) or where.run.lstat().st_uid != os.getuid():
        raise Failure(f"{where.run} belongs to somebody else. Set PENSIEVE_HOME to a shorter path of your own.")


def _identity(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
