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
def redis_server() -> Iterator[RedisServer]:
    """A real server that only this test run knows; nothing in it outlives the run."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """Of that server, for the service: as a user who may do what Pensieve does, and nothing else."""
    return redis_server.service_url


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[redis_py.Redis]:
    """A client of that server, emptied, that may do anything."""
    with redis_py.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client
