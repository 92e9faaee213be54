"""Whether somebody else's Redis can serve."""

import pytest
import redis as redis_py

from deploy.failure import Failure
from deploy.redis_check import promise, require_redis, warnings
from tests.support.redis_server import RedisServer


def test_a_redis_that_answers_says_what_it_promises(redis_url: str) -> None:
    state = require_redis(redis_url)

    assert promise(state) == "no append-only file: if Redis stops, what was accepted is lost"
    assert warnings(state) == (
        "Redis keeps no append-only file, so that what was accepted is lost if it stops: set appendonly yes",
    )


def test_a_replica_and_a_user_who_may_not_ask_are_told_apart() -> None:
    with RedisServer() as server, redis_py.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "mute", "on", ">s3cret", "allkeys", "+@all", "-info")
        state = require_redis(server.url.replace("unix://", "unix://mute:s3cret@"))
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(Failure, match="is a read-only replica"):
            require_redis(server.url)

    assert (promise(state), warnings(state)) == (
        "durability unknown",
        ("Redis doesn't say what it promises: let this user ask for INFO",),
    )


def test_a_dead_redis_is_one_sentence_without_its_passwords() -> None:
    with pytest.raises(Failure, match=r"redis://127.0.0.1:1/0 does not answer .* unset it") as failure:
        require_redis("redis://user:hunter2@127.0.0.1:1/0")
    with pytest.raises(Failure, match=r"redis\+sentinel://127.0.0.1:1/mymaster does not answer") as lost:
        require_redis("redis+sentinel://user:hunter2@127.0.0.1:1/mymaster?sentinel_password=hunter2")

    assert "hunter2" not in str(failure.value) + str(lost.value)


@pytest.mark.parametrize("url", ["localhost:6379", "redis+sentinel://127.0.0.1:26379", "redis+sentinel:///mymaster"])
def test_what_is_no_url_is_named(url: str) -> None:
    with pytest.raises(Failure, match="no Redis URL"):
        require_redis(url)
