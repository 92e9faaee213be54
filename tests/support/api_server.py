"""The application under a real gunicorn with gevent, as deployed but for its model."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from flask import Flask

from api import upkeep
from api.app import create_app
from queue_config.settings import Settings
from tests.support import api_fakes

ROOT = Path(__file__).parents[2]


def application() -> Flask:
    """What gunicorn loads."""
    services = api_fakes.build_services(Settings.from_env(os.environ))
    upkeep.start(services)
    return create_app(services)


class ApiServer:
    """One gunicorn over a Redis; `changes` are settings."""

    def __init__(self, redis_url: str, log: Path, **changes: object) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self._log = log
        variables = {"redis_url": redis_url, "port": self.port, "model": api_fakes.MODEL, **changes}
        self._environ = os.environ | {f"PENSIEVE_{name.upper()}": str(value) for name, value in variables.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "tests.support.api_server:application()"],
                cwd=ROOT,
                env=self._environ,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        give_up_at = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < give_up_at, self._log.read_text()
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        # SIGINT is gunicorn's quick shutdown: what still hangs is cut.
        self._process.send_signal(2)
        self._process.wait()

    def kill(self) -> None:
        """kill -9 of gunicorn and all its workers; entering the context again starts it anew, on the same port."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health"):
                return True
        except (URLError, ConnectionError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
