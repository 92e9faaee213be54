"""Pensieve as a user runs it: started by `pensieve start`, in a home and on a port of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

PENSIEVE = Path(sys.executable).with_name("pensieve")
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Service:
    """Runs from `with` to its end; `settings` are PENSIEVE_ variables by their lower-case names."""

    def __init__(self, home: Path, **settings: object) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"home": home, "port": self.port, **settings}
        self.environ = {name: text for name, text in os.environ.items() if not name.startswith("PENSIEVE_")}
        """What a command needs to find this service."""
        self.environ |= {f"PENSIEVE_{name.upper()}": str(value) for name, value in given.items()}
        self._start_words: tuple[str, ...] = ()

    def without_worker(self) -> Self:
        """Of the API alone, for workers that the test starts."""
        self._start_words = ("--no-worker",)
        return self

    def __enter__(self) -> Self:
        started = self.command("start", *self._start_words)
        assert started.returncode == 0, started.stdout + started.stderr
        return self

    def __exit__(self, *_: object) -> None:
        stopped = self.command("stop")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `pensieve WORDS` with this service's settings."""
        return subprocess.run(
            [PENSIEVE, *words], env=self.environ, capture_output=True, text=True, timeout=180, check=False
        )

    def pid(self, process: str) -> int:
        """The pid of one of its processes: redis, api or worker."""
        report = json.loads(self.command("status", "--json").stdout)
        (pid,) = [found["pid"] for found in report["processes"] if found["name"] == process]
        return int(pid)

    def kill(self, process: str) -> None:
        """kill -9, as a crash does; the supervisor starts it again."""
        os.kill(self.pid(process), signal.SIGKILL)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        return self._send(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send JSON, or `body` as it is where it is bytes; return the status and the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self._send(urllib.request.Request(self.url + path, data=data, headers=headers, method="POST"))

    def wait_for(self, path: str, field: str, value: object) -> dict[str, Any]:
        """Poll until a field of the answer has the value; return the answer."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            _, answer = self.get(path)
            if answer.get(field) == value:
                return answer
            assert time.monotonic() < give_up_at, f"{path}: {field} is not {value}: {answer}"
            time.sleep(0.05)

    def _send(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
