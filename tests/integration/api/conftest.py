"""A scripted worker and the application, over the run's real Redis."""

from collections.abc import Iterator

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.upkeep import kept_up
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.batches import services_of


@pytest.fixture
def worker(redis: redis_py.Redis, redis_url: str) -> Iterator[FakeWorker]:
    with FakeWorker(redis_url) as worker:
        yield worker


@pytest.fixture
def client(redis: redis_py.Redis, redis_url: str) -> Iterator[FlaskClient]:
    with api_fakes.client(redis_url) as client:
        yield client


@pytest.fixture
def pumped(client: FlaskClient) -> Iterator[FlaskClient]:
    """The client of an application whose chores are done."""
    with kept_up(services_of(client)):
        yield client
