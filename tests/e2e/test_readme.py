"""The README's examples, run as they stand but for the port."""

import re
import subprocess
import sys

import pytest

from queue_config.settings import CHECKOUT
from tests.support.service import Service

README = (CHECKOUT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CURL = re.findall(r"^(curl .*?(?:\n .*?)*)$", README, re.MULTILINE)


def run(command: list[str], service: Service) -> str:
    done = subprocess.run(
        [part.replace("127.0.0.1:7777", f"127.0.0.1:{service.port}") for part in command],
        capture_output=True, text=True, timeout=120, check=False, cwd=CHECKOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", PYTHON, ids=["sdk", "websocket"])
def test_a_python_example_prints_an_answer(service: Service, program: str) -> None:
    assert len(run([sys.executable, "-c", program], service).split()) > 3


def test_the_curl_examples_stream_poll_and_resume(service: Service) -> None:
    stream, submit, poll, follow = CURL

    streamed = run(["sh", "-c", stream], service)
    job_id = re.search(r"msg_\w+", run(["sh", "-c", submit], service))
    assert job_id is not None
    polled = run(["sh", "-c", poll.replace("msg_...", job_id[0])], service)
    followed = run(["sh", "-c", follow.replace("msg_...", job_id[0])], service)

    assert "event: message_stop" in streamed
    assert f'"id":"{job_id[0]}"' in polled
    assert "event: message_stop" in followed


def test_the_command_answers_without_a_service(service: Service) -> None:
    (line,) = re.findall(r"^\.venv/bin/pensieve (generate .*)$", README, re.MULTILINE)
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]

    done = service.command(*words)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 3
    assert "tokens/s" in done.stdout + done.stderr
