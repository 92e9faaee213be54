"""One service with the real default model for all end-to-end tests, started as a user starts it."""

from collections.abc import Iterator

import pytest
from anthropic import Anthropic

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
