"""Testbed: the whole service under its own supervisor, as `pensieve start` sets it up, with handles to break it by."""

import os
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from deploy import process_table
from deploy.places import places, prepare
from deploy.redis_server import config, find_server, url
from deploy.stop import stop
from deploy.supervision import Program, marked_python, programs, supervisor_config
from deploy.supervisor_client import Process, Supervisor
from queue_config import keys
from queue_config.connection import REDIS_AWAY, connect
from queue_config.lease import Leases
from queue_config.settings import PREFIX, Settings
from tests.support.service import free_port

PATIENCE_S = 60.0
POLL_S = 0.05


class Testbed:
    """One API, Redis with its append-only file, and `workers` workers; runs from `with` to its end."""

    __test__ = False

    def __init__(self, workers: int = 1, **settings: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pensieve-chaos-"))
        self._where = places(self.home)
        given: dict[str, Any] = {"engine": "fake", "ping_interval_s": 1.0, **settings}
        redis_url = url(self._where.redis_socket)
        self.settings = Settings(home=self.home, port=free_port(), redis_url=redis_url, **given)
        self.url = f"http://127.0.0.1:{self.settings.port}"
        self.workers = tuple(f"worker{number or ''}" for number in range(workers))
        """Their names for the supervisor."""
        self.redis = connect(redis_url)
        self._supervisor = Supervisor(self._where)

    def __enter__(self) -> Self:
        prepare(self._where)
        self._where.redis_config.write_text(config(self._where.redis_data, self._where.redis_socket))
        self._where.supervisor_config.write_text(supervisor_config(self._programs(), self._where))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._supervisor.start({**clean, **self.settings.to_env()})
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        # What was frozen and forgotten could not be stopped.
        self._signal(process_table.ours(self._where), signal.SIGCONT)
        stop(replace(self.settings, drain_s=1.0), lambda _: None)
        self.redis.close()
        shutil.rmtree(self.home)

    def _programs(self) -> list[Program]:
        found = programs(self.settings, self._where, find_server())
        (worker,) = [program for program in found if program.name == "worker"]
        others = [program for program in found if program.name != "worker"]
        ours = (*marked_python(self._where), "-m", "tests.chaos.worker")
        return [*others, *(replace(worker, name=name, command=(*ours, name)) for name in self.workers)]

    # Looking

    def processes(self) -> dict[str, Process]:
        return {process.name: process for process in self._supervisor.processes() or ()}

    def pid(self, name: str) -> int:
        """Of a process that runs now or will in a moment."""
        self.wait_for(lambda: self.processes()[name].pid, f"{name} to run")
        return self.processes()[name].pid

    def api_children(self) -> list[int]:
        """gunicorn's own worker processes."""
        master = self.pid("api")
        mark = f"pensieve={self._where.identity}"
        found = [pid for pid, words in process_table._commands() if mark in words and "gunicorn" in words]
        return [pid for pid in found if pid != master]

    def ready_workers(self) -> int:
        """How many have a lease and aren't draining."""
        try:
            return sum(not status.draining for status in Leases(self.redis).live())
        except REDIS_AWAY:
            return 0

    def overtaken_writes(self) -> int:
        """How many were refused, because their requests had been given to others."""
        return int(cast(bytes | None, self.redis.get(keys.REFUSED)) or 0)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5):
                return True
        except (OSError, urllib.error.URLError):
            return False

    def wait_until_ready(self) -> None:
        self.wait_for(self.is_ready, "readiness")
        self.wait_for(lambda: self.ready_workers() >= len(self.workers), "all workers")

    def wait_for(self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        give_up_at = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"waited {patience_s:.0f} s in vain for {what}: {self.processes()}")
            time.sleep(POLL_S)

    def log_of(self, name: str) -> str:
        return self._where.log_of(name).read_text(errors="replace")

    # Breaking

    def send(self, name: str, number: signal.Signals) -> None:
        """To one of the supervisor's processes alone."""
        self._signal([self.pid(name)], number)

    def kill_all_of(self, name: str) -> None:
        """kill -9 of a process and its children at once; the supervisor starts it again."""
        os.killpg(self.pid(name), signal.SIGKILL)

    def kill_api_child(self) -> None:
        self._signal(self.api_children()[:1], signal.SIGKILL)

    def stop(self, name: str) -> None:
        """Have the supervisor stop it, and not start it again."""
        self._supervisor._ask(lambda server: server.supervisor.stopProcess(name))

    def start(self, name: str) -> None:
        self._supervisor._ask(lambda server: server.supervisor.startProcess(name, False))

    def _signal(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            os.kill(pid, number)
