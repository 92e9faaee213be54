"""The real Claude Code client, told what `pensieve claude` tells it. As a program: fetches the clients from npm."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.claude_code import environment
from deploy.claude_home import prepare_home
from deploy.served_model import ServedModel

VERSIONS = ("2.1.330", "2.1.197")
"""The newest, and the one that npm chooses for Node 20."""
FOLDER = Path(os.environ.get("CLAUDE_CLIENTS") or Path.home() / ".cache" / "pensieve-tests" / "claude-code")
PATIENCE_S = 240.0


def binary(version: str) -> Path:
    """Where that version is, if it was fetched."""
    return FOLDER / version / "node_modules" / ".bin" / "claude"


def fetch(version: str) -> None:
    folder = FOLDER / version
    folder.mkdir(parents=True, exist_ok=True)
    package = f"@anthropic-ai/claude-code@{version}"
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, package], check=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeClient:
    """Starts the client in `project`; `home` is Pensieve's, which holds the client's own."""

    binary: Path
    home: Path
    project: Path
    url: str
    model: ServedModel
    api_key: str = ""
    changes: dict[str, str] = field(default_factory=dict)
    """Variables that differ from what `pensieve claude` sets."""

    def ask(self, prompt: str, *arguments: str) -> dict[str, Any]:
        """One turn in print mode in a process of its own; the client's report of it."""
        command: list[str | Path] = [self.binary, *arguments, "--print", "--output-format", "json", prompt]
        done = subprocess.run(
            command, env=self.environ, cwd=self.project, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def converse(self, prompts: Sequence[str], *arguments: str) -> list[dict[str, Any]]:
        """Several turns in one process, each said when the last one is answered; the reports."""
        streams = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
        process = subprocess.Popen(
            [self.binary, *arguments, "--print", *streams], env=self.environ, cwd=self.project,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        end = threading.Timer(PATIENCE_S, process.kill)
        end.start()
        try:
            return list(_turns(process, prompts))
        finally:
            end.cancel()
            process.kill()
            process.communicate()

    @property
    def environ(self) -> dict[str, str]:
        return environment(os.environ, prepare_home(self.home), self.url, self.model, self.api_key) | self.changes


def _turns(process: subprocess.Popen[str], prompts: Sequence[str]) -> Iterator[dict[str, Any]]:
    assert process.stdin is not None
    assert process.stdout is not None
    for prompt in prompts:
        message = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        process.stdin.write(json.dumps({"type": "user", "message": message}) + "\n")
        process.stdin.flush()
        yield next(report for line in process.stdout if (report := json.loads(line))["type"] == "result")


if __name__ == "__main__":
    for wanted in VERSIONS:
        fetch(wanted)
