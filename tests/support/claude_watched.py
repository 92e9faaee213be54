"""The real Claude Code client in a folder of its own, all of whose connections a proxy watches."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from deploy.claude_home import prepare_home
from deploy.running import Running
from deploy.served_model import ServedModel
from tests.support.claude_client import PATIENCE_S, ClaudeClient
from tests.support.claude_terminal import ClaudeTerminal
from tests.support.recording_proxy import Exchange, RecordingProxy
from tests.support.service import Service


class Watched:
    """A client in a folder of its own whose every connection, inward and outward, goes through one proxy."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self.folder = folder
        self.proxy = RecordingProxy()

    def __enter__(self) -> "Watched":
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.__exit__()
        assert self.proxy.refused == [], "the client wanted to leave the machine"

    def client(self, service: Service, key: str = "", **changes: str) -> ClaudeClient:
        self.proxy.service_port = service.port
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        return ClaudeClient(
            binary=self._binary,
            home=self.folder / "home",
            project=project,
            url=self.proxy.url,
            model=ServedModel.of(Running("127.0.0.1", service.port, "", worker=True), key),
            api_key=key,
            changes={"HTTPS_PROXY": self.proxy.url, "HTTP_PROXY": self.proxy.url, **changes},
        )

    @property
    def messages(self) -> list[Exchange]:
        return self.proxy.messages


def trust(client: ClaudeClient) -> None:
    """What the user says who is asked about a folder."""
    settings = prepare_home(client.home) / ".claude" / ".claude.json"
    told = json.loads(settings.read_text()) | {"projects": {str(client.project): {"hasTrustDialogAccepted": True}}}
    settings.write_text(json.dumps(told))


def heard(terminal: ClaudeTerminal, watched: Watched, prompt: str) -> bool:
    """What comes before the client listens is lost; what comes all at once is taken for a paste, and not sent."""
    terminal.type(prompt)
    time.sleep(0.5)
    terminal.type("\r")
    time.sleep(0.5)
    return bool(watched.messages)


def wait_until(is_true: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < give_up_at, "it never came true"
        time.sleep(0.05)
