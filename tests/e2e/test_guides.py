"""The guides' examples, run as they stand but for the port."""

import re
import subprocess
import sys

import pytest

from queue_config.settings import CHECKOUT
from tests.support.documents import ROOT, fenced, guides, shell_commands
from tests.support.service import Service

README, MANUAL = ROOT / "README.md", ROOT / "docs/API.md"
PROGRAMS = [program for path in (README, MANUAL) for program in fenced(path, "python") if "7777" in program]
CURL = re.findall(r"^(curl .*?(?:\n .*?)*)$", README.read_text(), re.MULTILINE)
CHEAP = {"status", "models", "logs", "completion"}
"""Commands that change nothing and soon end; tests/unit/documents reads all others as the command does."""
SHOWN = sorted({words[1:] for path in guides() for words in shell_commands(path) if words[0].endswith("pensieve")})


def run(command: list[str], service: Service) -> str:
    done = subprocess.run(
        [part.replace("127.0.0.1:7777", f"127.0.0.1:{service.port}") for part in command],
        capture_output=True, text=True, timeout=120, check=False, cwd=CHECKOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=["sdk", "openai", "websocket"])
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
    (words,) = [words for words in SHOWN if words[:1] == ("generate",)]

    done = service.command(*words)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 3
    assert "tokens/s" in done.stdout + done.stderr


@pytest.mark.parametrize("words", [words for words in SHOWN if words and words[0] in CHEAP], ids=" ".join)
def test_a_command_that_looks_at_something_shows_it(service: Service, words: tuple[str, ...]) -> None:
    done = service.command(*words)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
