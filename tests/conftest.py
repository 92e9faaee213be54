"""Fixtures for every test: one private Redis server for the whole run."""

from collections.abc import Iterator

import pytest
import redis as redis_py
from hypothesis import settings

from tests.support.redis_server import RedisServer

# How long an example takes says something of the machine, not of the code.
settings.register_profile("pensieve", deadline=None)
settings.load_profile("pensieve")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real server that only this test run knows; nothing in it outlives the run."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture
def redis(redis_url: str) -> Iterator[redis_py.Redis]:
    """A client of that server, emptied."""
    with redis_py.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client
