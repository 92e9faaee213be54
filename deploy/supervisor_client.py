"""Talking to a running supervisord over its Unix socket."""

import http.client
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from deploy.failure import Failure
from deploy.places import Places
from deploy.supervision import marked_python
from queue_config.settings import CHECKOUT

_GONE = (OSError, http.client.HTTPException)
_FAILED_STATES = frozenset({"BACKOFF", "EXITED", "FATAL", "UNKNOWN"})
_START_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    state: str
    """supervisord's word: STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, ..."""
    pid: int
    """0 if it does not run."""
    uptime_s: int

    @property
    def has_failed(self) -> bool:
        return self.state in _FAILED_STATES


class Supervisor:
    """The supervisor of one service; every question is answered with None if there is no such supervisor."""

    is_held = False
    """Whether the process that started it stays with it."""

    def __init__(self, where: Places) -> None:
        self._where = where

    def start(self, environ: dict[str, str]) -> None:
        """Start it detached from this terminal, with `environ` for its processes; return when it answers."""
        done = subprocess.run(
            self._command,
            cwd=CHECKOUT,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"The process supervisor did not start: {done.stderr.strip() or done.stdout.strip()}")
        self._wait_for_answer(lambda: True)

    @property
    def _command(self) -> list[str]:
        config = str(self._where.supervisor_config)
        return [*marked_python(self._where), "-m", "supervisor.supervisord", "-c", config]

    def _wait_for_answer(self, is_alive: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + _START_PATIENCE_S
        while self.processes() is None:
            if not is_alive() or time.monotonic() > give_up_at:
                raise Failure(f"The process supervisor does not answer; see {self._where.log_of('supervisor')}.")
            time.sleep(0.05)

    def processes(self) -> list[Process] | None:
        answer = self._ask(lambda server: server.supervisor.getAllProcessInfo())
        if answer is None:
            return None
        return [
            Process(p["name"], p["statename"], p["pid"], max(0, p["now"] - p["start"]) if p["pid"] else 0)
            for p in answer
        ]

    def shut_down(self) -> bool:
        """Ask it to stop everything in order and end itself; False if there is nobody to ask."""
        return self._ask(lambda server: server.supervisor.shutdown()) is not None

    def _ask(self, question: Callable[[ServerProxy], Any]) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{os.fspath(self._where.supervisor_socket)}")
        # The address is only a form that ServerProxy insists on; the transport goes to the socket.
        with ServerProxy("http://localhost", transport=transport) as server:
            try:
                return question(server)
            except _GONE:
                return None
            except Fault as fault:
                if fault.faultString.startswith("SHUTDOWN_STATE"):
                    return None
                raise


class HeldSupervisor(Supervisor):
    """One that is a child of this process, and so tells how it ended."""

    is_held = True
    _child: subprocess.Popen[bytes] | None = None

    def start(self, environ: dict[str, str]) -> None:
        # In a session of its own: Ctrl-C is for this process, which stops the service in order.
        child = subprocess.Popen(
            [*self._command, "-n"],
            cwd=CHECKOUT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._child = child
        self._wait_for_answer(lambda: child.poll() is None)

    @property
    def has_started(self) -> bool:
        return self._child is not None

    def wait(self) -> int:
        """Its exit status, once it has ended: 0 where it was asked to, negative for a signal."""
        return self._child.wait() if self._child else 0
