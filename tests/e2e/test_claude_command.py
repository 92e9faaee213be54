"""`pensieve claude` with a stand-in for the client, which says how it was called."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import PENSIEVE, Service

CLIENT = f"""#!{sys.executable}
import json, os, signal, sys
print(json.dumps({{"arguments": sys.argv[1:], "environ": dict(os.environ), "pid": os.getpid()}}), flush=True)
if "wait" in sys.argv:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(21))
    print("waiting", flush=True)
    signal.pause()
sys.exit(7)
"""

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(service: Service, tmp_path: Path) -> Launch:
    client = tmp_path / "claude"
    client.write_text(CLIENT)
    client.chmod(stat.S_IRWXU)

    def start(*arguments: str) -> subprocess.Popen[str]:
        changes = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ANTHROPIC_API_KEY": "sk-mine", "TERM": "vt100"}
        return subprocess.Popen(
            [PENSIEVE, "claude", *arguments], env=service.environ | changes, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def test_the_client_gets_all_arguments_and_the_service_and_its_code_is_the_answer(
    launch: Launch, service: Service
) -> None:
    arguments = ["-p", "--help", "--", "--model=x", "", "two words", "-h"]
    with launch(*arguments) as process:
        said = told(process)
        _, errors = process.communicate()

    environ = said["environ"]
    assert (said["arguments"], said["pid"], process.returncode) == (arguments, process.pid, 7)
    assert (environ["ANTHROPIC_BASE_URL"], environ["ANTHROPIC_MODEL"]) == (service.url, "smollm2-135m-instruct")
    assert (environ["TERM"], environ.get("ANTHROPIC_API_KEY")) == ("vt100", None)
    assert Path(environ["HOME"]).parent == service.home
    assert environ["CLAUDE_CODE_SIMPLE"] == "1", "the context of 8,192 tokens is too small for the full prompt"
    assert "too few for Claude Code's full prompt" in errors


def test_a_signal_reaches_the_client_itself(launch: Launch) -> None:
    with launch("wait") as process:
        told(process)
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert process.returncode == 21


def test_the_service_is_started_if_it_does_not_run(tmp_path: Path) -> None:
    client = tmp_path / "bin" / "claude"
    client.parent.mkdir()
    client.write_text(CLIENT)
    client.chmod(stat.S_IRWXU)
    service = Service(tmp_path / "home", engine="fake", drain_s=1)
    try:
        done = subprocess.run(
            [PENSIEVE, "claude"], env=service.environ | {"PATH": f"{client.parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        status, _ = service.get("/health/ready")
    finally:
        service.command("stop")

    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["environ"]["ANTHROPIC_BASE_URL"] == service.url
    assert status == 200
