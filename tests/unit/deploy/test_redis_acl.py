"""Our own Redis knows one user, who may do what Pensieve does and nothing else."""

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from deploy.places import Places, places, prepare
from deploy.redis_acl import access_list
from deploy.redis_check import open_door
from deploy.service_redis import prepare_redis, redis_url
from queue_config.settings import CHECKOUT, Settings
from tests.support.redis_server import PASSWORD, RedisServer

EXAMPLE = CHECKOUT / "deploy/examples/redis/users.acl"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """As the service runs it."""
    with RedisServer(access=access_list(PASSWORD)) as server:
        yield server


@pytest.fixture
def user(server: RedisServer) -> Iterator[redis_py.Redis]:
    with redis_py.Redis.from_url(server.service_url) as client:
        yield client


@pytest.fixture
def where(tmp_path: Path) -> Places:
    where = places(tmp_path / "home")
    prepare(where)
    return where


@pytest.mark.parametrize("user_and_password", ["", "default:@", "pensieve:@", "pensieve:guessed@", "other:other@"])
def test_nobody_else_comes_in(server: RedisServer, user_and_password: str) -> None:
    url = server.url.replace("unix://", f"unix://{user_and_password}")
    with redis_py.Redis.from_url(url) as stranger, pytest.raises(redis_py.AuthenticationError):
        stranger.ping()


@pytest.mark.parametrize(
    "command",
    [
        *("FLUSHALL", "KEYS *", "SCAN 0", "MONITOR", "SHUTDOWN", "CONFIG SET maxmemory 1", "ACL LIST", "SAVE"),
        *("MODULE LIST", "REPLICAOF NO ONE", "EVAL return 0", "SCRIPT FLUSH", "CLIENT LIST"),
        *("GET secret", "SET other:a 1", "PUBLISH other x", "SUBSCRIBE other", "BLPOP rq:a 0", "MIGRATE h 1 a 0 1"),
    ],
)
def test_what_pensieve_never_does_it_may_not(user: redis_py.Redis, command: str) -> None:
    with pytest.raises(redis_py.exceptions.NoPermissionError):
        user.execute_command(*command.split())  # type: ignore[no-untyped-call]


def test_a_script_may_no_more_than_who_runs_it(user: redis_py.Redis) -> None:
    own = user.register_script("return redis.call('SET', 'pensieve:a', 1)")()
    with pytest.raises(redis_py.ResponseError):
        user.register_script("return redis.call('GET', 'secret')")()
    with pytest.raises(redis_py.ResponseError):
        user.register_script("return redis.call('FLUSHALL')")()

    assert own == b"OK"


def test_the_password_is_made_once_and_the_list_holds_its_hash_alone(where: Places) -> None:
    before = redis_url(Settings(), where)
    first, second = prepare_redis(where), prepare_redis(where)
    password = where.redis_password.read_text()

    assert "@" not in before
    assert first == second == redis_url(Settings(), where)
    assert f"pensieve:{password}@" in first
    assert len(password) >= 40
    assert password not in where.redis_acl.read_text() + where.redis_config.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (where.redis_acl, where.redis_password)} == {0o600}


def test_the_example_for_ones_own_redis_allows_the_same() -> None:
    known = hashlib.sha256(b"change-me").hexdigest()

    assert EXAMPLE.read_text() == access_list("change-me").replace(f"#{known}", ">change-me")


def test_the_example_is_a_list_that_redis_reads() -> None:
    with RedisServer(access=EXAMPLE.read_text()) as server:
        url = server.url.replace("unix://", "unix://pensieve:change-me@")
        with redis_py.Redis.from_url(url) as user:
            said = user.ping()

    assert said


def test_a_door_that_stands_open_is_told_of() -> None:
    with RedisServer(port=True) as server:
        open_one = open_door(f"redis://someone:secret@127.0.0.1:{server.port}/0")
        with redis_py.Redis(port=server.port) as admin:
            admin.acl_setuser("default", enabled=True, passwords=["+hard"], reset_passwords=True)
        closed = open_door(f"redis://:hard@127.0.0.1:{server.port}/0")

    assert "lets in whoever reaches it" in open_one
    assert closed == ""
