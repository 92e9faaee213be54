"""`pensieve start --foreground`, as systemd and launchd see it."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy import process_table
from deploy.places import places
from tests.support.service import PENSIEVE, Service

PATIENCE_S = 60.0


@contextmanager
def kept(service: Service) -> Iterator[subprocess.Popen[str]]:
    """A service that has told its manager that it is ready."""
    address = service.home / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            [PENSIEVE, "start", "--foreground"],
            env=service.environ | {"NOTIFY_SOCKET": str(address)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert manager.recv(100) == b"READY=1"
            yield process
        finally:
            address.unlink()
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code, and the last line that was said."""
    said, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said.splitlines()[-1]


def test_a_signal_stops_all_of_it_and_is_no_failure(tmp_path: Path) -> None:
    service = Service(tmp_path, engine="fake", drain_s=2)
    with kept(service) as process:
        status, answer = service.get("/health/ready")
        refused = service.command("restart")
        process.send_signal(signal.SIGTERM)
        end = end_of(process)

    assert (status, answer["status"]) == (200, "ready")
    assert (refused.returncode, "--foreground" in refused.stderr) == (1, True)
    assert end == (0, "Pensieve has stopped.")
    assert process_table.ours(places(tmp_path)) == []


def test_a_dead_supervisor_is_a_failure_and_leaves_nothing_behind(tmp_path: Path) -> None:
    service = Service(tmp_path, engine="fake", drain_s=2)
    with service, kept(service) as process:  # It takes the place of the one in the background.
        (supervisor,) = psutil.Process(process.pid).children()
        os.kill(supervisor.pid, signal.SIGKILL)
        code, said = end_of(process)

        assert (code, "The process supervisor has died (status -9)" in said) == (1, True)
        assert process_table.ours(places(tmp_path)) == []
