"""The real Claude Code client with a model that calls tools: the call is made, its result comes back, the turn ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from queue_config.settings import CHECKOUT
from tests.support.claude_watched import Watched
from tests.support.redis_server import RedisServer
from tests.support.service import Service
from tests.support.tiny_llama import write_tiny_speaker

SECRET = "The heron stands in the reeds."


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose worker plays a script; see tests/support/scripted_worker.py."""
    folder = tmp_path_factory.mktemp("calling")
    model = write_tiny_speaker(folder / "tiny-speaker", CHECKOUT / "models" / "smollm2-135m-instruct", 65_536)
    with RedisServer() as redis:
        service = Service(folder / "home", model=model, redis_url=redis.url, drain_s=2)
        with scripted_worker(service), service.without_worker():
            # The API looks for workers once a second, and this one has come while it looked.
            service.wait_for("/health/ready", "status", "ready")
            yield service


@contextmanager
def scripted_worker(service: Service) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.support.scripted_worker"]
    worker = subprocess.Popen(command, cwd=CHECKOUT, env=service.environ)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


@pytest.fixture
def notes(watched: Watched) -> Path:
    """A file in the client's project."""
    file = watched.folder / "project" / "notes.txt"
    file.parent.mkdir()
    file.write_text(SECRET)
    return file


def test_a_tool_is_called_and_its_result_is_answered(watched: Watched, calling: Service, notes: Path) -> None:
    report = watched.client(calling).ask(f"Please read the file {notes}")
    calls = [
        block
        for seen in watched.messages
        for message in seen.body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]

    assert (report["is_error"], report["num_turns"]) == (False, 2), report
    assert report["result"].startswith("The file says:")
    assert SECRET in report["result"]
    assert [call.get("is_error", False) for call in calls] == [False]
    assert {(seen.status, seen.streamed) for seen in watched.messages} == {(200, True)}
