"""One service with the real default model for all end-to-end tests, started as a user starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anthropic import Anthropic

from tests.support.claude_client import VERSIONS, binary
from tests.support.claude_watched import Watched
from tests.support.service import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("home"), ping_interval_s=1, drain_s=5) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Anthropic]:
    """The official SDK, told nothing but where the service is."""
    with Anthropic(base_url=service.url, api_key="not needed", max_retries=0) as client:
        yield client


@pytest.fixture(params=VERSIONS)
def client_binary(request: pytest.FixtureRequest) -> Path:
    found = binary(request.param)
    if not found.exists():
        pytest.skip(f"Claude Code {request.param} is not there; `make claude-client` gets it from npm")
    return found


@pytest.fixture
def watched(client_binary: Path, tmp_path: Path) -> Iterator[Watched]:
    with Watched(client_binary, tmp_path) as watched:
        yield watched
