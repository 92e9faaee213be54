"""A real server for the real clients, with a scripted worker behind it."""

from collections.abc import Iterator

import pytest
import redis as redis_py

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_server import ApiServer

KEY = "contract-key"


@pytest.fixture(scope="module")
def server(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    log = tmp_path_factory.mktemp("api") / "gunicorn.log"
    with ApiServer(redis_url, log, api_key=KEY) as server:
        yield server


@pytest.fixture
def worker(redis: redis_py.Redis, redis_url: str) -> Iterator[FakeWorker]:
    with FakeWorker(redis_url) as worker:
        yield worker
