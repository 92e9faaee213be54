"""A private, real Redis server for tests: start, stop, kill and restart it at will."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

from deploy.redis_acl import access_list
from deploy.redis_server import config, find_server, url
from tests.support.service import free_port

PASSWORD = "a test's"
LOOKS = ("+keys", "+type", "+client|id")
_PATIENCE_S = 20.0


class RedisServer:
    """One server on a Unix socket in a temporary folder of its own; `url` is how to reach it, free to do anything, and
    `service_url` as Pensieve does, with what its access list allows.

    `durable` turns the append-only file on, so that data outlives `kill` and `restart`. `access` is another access
    list; `port` opens one on loopback too.
    """

    def __init__(self, *, durable: bool = False, access: str = "", port: bool = False) -> None:
        # Not pytest's own temporary folder: its paths are too long for a socket on a Mac.
        self.folder = Path(tempfile.mkdtemp(prefix="pensieve-redis-"))
        self.socket = self.folder / "redis.sock"
        self.url = url(self.socket)
        self._config = self.folder / "redis.conf"
        acl_file = self.folder / "redis.acl"
        # The default user stays, for tests that need everything; the service's may look around for them too.
        service = access_list(PASSWORD).splitlines()[1]
        acl_file.write_text(access or f"{service} {' '.join(LOOKS)}\n")
        self.service_url = url(self.socket, PASSWORD)
        self.port = free_port() if port else 0
        text = config(self.folder, self.socket, acl_file=acl_file, durable=durable)
        self._config.write_text(f"{text}port {self.port}\nbind 127.0.0.1\n")
        self._log = self.folder / "redis.log"
        self._server = find_server().path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not started"
        return self._process.pid

    def start(self) -> None:
        """Return once it answers PING."""
        with self._log.open("ab") as log:
            # Python ignores SIGXFSZ; so does the server then, and a limit on its files is a full disk, not its end.
            self._process = subprocess.Popen(
                [self._server, self._config], stdout=log, stderr=log, restore_signals=False
            )
        give_up_at = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"{self._server} did not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut down in order; return when it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: what was not yet written is lost."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop it from answering without closing a connection, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, if it runs, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1.0) as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return True
            except redis.ConnectionError:
                return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None
