"""The official TypeScript SDK against the API, where there is a node to run it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_server import ApiServer

SDK = "@anthropic-ai/sdk"
VERSION = "1.12.0"
SCRIPT = Path(__file__).with_name("typescript.mjs")
CACHE = Path.home() / ".cache" / "pensieve" / f"npm-sdk-{VERSION}"


@pytest.fixture(scope="module")
def sdk() -> Path:
    """The installed package's folder; installed once, since it takes its time."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no node or npm here")
    folder = CACHE / "node_modules" / SDK
    if not (folder / "index.mjs").exists():
        command = [npm, "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--silent", f"{SDK}@{VERSION}"]
        CACHE.mkdir(parents=True, exist_ok=True)
        installed = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
        if installed.returncode:
            pytest.skip(f"npm can't install {SDK}: {installed.stderr.strip()[-200:]}")
    return folder


@pytest.mark.parametrize("auth", ["key", "bearer"])
def test_it_makes_of_every_answer_what_it_is(sdk: Path, server: ApiServer, worker: FakeWorker, auth: str) -> None:
    command = ["node", str(SCRIPT), str(sdk), server.url, KEY, MODEL, auth]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    thinking, text, call = found["whole"]["content"]
    assert (thinking["thinking"], text["text"]) == ("Where is Ulm?", "Let me look.")
    assert call == {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Ulm"}}
    assert found["streamed"] == found["whole"]
    assert found["snapshots"][-1] == {"city": "Ulm"}
    assert found["raw"] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert (found["ran"], found["done"]) == (["Ulm"], [{"type": "text", "text": "done"}])
    assert found["parsed"] == {"city": "Ulm"}
    assert found["counted"] == len("<user>Hello there<assistant>")
    assert found["models"] == [MODEL]
    assert found["missing"] == ["NotFoundError", 404]
    assert found["failed"] == ["OverloadedError", 529, True]
