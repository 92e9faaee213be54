"""Clients of a real Redis: what passes by itself is told from mistakes, and no connection outlives a reply unread."""

import signal
from collections.abc import Iterator

import pytest
import redis as redis_py

from queue_config.connection import PULSE, REDIS_AWAY, REQUESTS, STREAMS, WORK, Redis, RedisError, connect
from queue_config.errors import Overloaded
from queue_config.lease import TTL_S
from queue_config.room import AWAY_S, FRESH_BYTES, FRESH_S, Room
from tests.support.redis_server import RedisServer
from tests.support.tls_redis import NoTls, TlsRedis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with connect(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def admin(server: RedisServer) -> Iterator[redis_py.Redis]:
    with redis_py.Redis.from_url(server.url) as client:
        yield client


class Interrupted(Exception):
    """Comes in the middle of a command, as the end of a greenlet does."""


def test_a_connection_that_breaks_while_a_key_is_watched_passes_by_itself(client: Redis, admin: redis_py.Redis) -> None:
    with client.pipeline() as pipe:
        pipe.watch("a")  # type: ignore[no-untyped-call]
        admin.client_kill_filter(_type="normal", skipme=True)

        with pytest.raises(REDIS_AWAY):
            pipe.get("a")


def wait_in_pipeline(client: Redis) -> None:
    with client.pipeline(transaction=False) as pipe:
        pipe.set("a", 1)
        pipe.blpop("empty", 5)
        pipe.get("a")
        pipe.execute()


def interrupt(_number: int, _frame: object) -> None:
    raise Interrupted


@pytest.mark.parametrize("is_pipeline", [False, True])
def test_the_reply_of_an_interrupted_command_is_nobody_elses(client: Redis, is_pipeline: bool) -> None:
    client.ping()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(Interrupted):
            wait_in_pipeline(client) if is_pipeline else client.blpop("empty", 5)
    finally:
        signal.signal(signal.SIGALRM, before)
    client.rpush("empty", "its reply")
    said = client.echo("ours")

    assert said == b"ours"


def refusal(client: Redis) -> list[str]:
    """What a command, a transaction and a script are answered, by the names of their exceptions."""
    transaction = client.pipeline()
    transaction.set("a", 1)
    transaction.get("a")
    script = client.register_script("return redis.call('SET', 'a', 1)")
    found = []
    for write in (lambda: client.set("a", 1), transaction.execute, script):
        with pytest.raises(RedisError) as raised:
            write()
        assert isinstance(raised.value, REDIS_AWAY), raised.value
        found.append(type(raised.value).__name__)
    return found


def test_a_redis_that_refuses_writes_passes_by_itself(client: Redis, admin: redis_py.Redis) -> None:
    admin.config_set("min-replicas-to-write", 1)
    too_few = refusal(client)
    admin.config_set("min-replicas-to-write", 0)
    admin.config_set("maxmemory", 1000)
    full = refusal(client)
    admin.config_set("maxmemory", 2**31)

    assert (too_few, full) == (["RedisRefuses"] * 3, ["OutOfMemoryError"] * 3)


def test_a_mistake_of_ours_does_not(client: Redis) -> None:
    client.set("a", 1)
    with pytest.raises(RedisError) as mistake:
        client.lpush("a", 1)

    assert not isinstance(mistake.value, REDIS_AWAY)


def test_a_server_that_was_demoted_is_left(client: Redis, admin: redis_py.Redis) -> None:
    before = client.client_id()
    admin.replicaof("127.0.0.1", 1)
    refused = refusal(client)
    admin.replicaof("NO", "ONE")

    assert refused[0] == "ReadOnlyError"
    assert client.client_id() != before


def test_a_refusal_and_a_pulse_come_in_time_whatever_redis_does() -> None:
    for patience in (REQUESTS, STREAMS, WORK, PULSE):
        assert patience.reply_s <= 5

    assert REQUESTS.turn_s + max(REQUESTS.connect_s, REQUESTS.reply_s) < 1.5
    assert 2 * PULSE.reply_s < TTL_S


def test_a_redis_behind_tls_is_trusted_by_its_certificate_alone() -> None:
    try:
        with TlsRedis() as server, connect(server.url) as friend, connect(server.stranger) as stranger:
            friend.set("a", 1)
            with pytest.raises(REDIS_AWAY, match="CERTIFICATE_VERIFY_FAILED"):
                stranger.ping()
            found = friend.get("a")
    except NoTls as error:
        pytest.skip(str(error))

    assert found == b"1"


# Room


def refused(room: Room, size_bytes: int = 0) -> str:
    try:
        room.check(size_bytes)
    except Overloaded as error:
        return str(error)
    return ""


def test_nobody_asks_a_silent_redis_again_at_once(client: Redis, server: RedisServer) -> None:
    now = 0.0
    room = Room(client, clock=lambda: now)
    server.kill()
    first = refused(room)
    server.start()
    second = refused(room)
    now = AWAY_S
    third = refused(room)

    away = "The queue can't be reached; try again soon."
    assert (first, second, third) == (away, away, "")


def test_admission_ends_before_redis_is_full(client: Redis, admin: redis_py.Redis) -> None:
    now = 0.0
    room = Room(client, clock=lambda: now)
    client.set("ballast", b"x" * 10_000_000)
    used = admin.info("memory")["used_memory"]
    answers = []
    for share in (0.4, 0.9, 0.4):
        admin.config_set("maxmemory", round(used / share))
        answers.append(refused(room))
        now += FRESH_S
    admin.config_set("maxmemory", 2**31)

    assert answers == ["", "Nothing new is accepted now: Redis's memory is 90% full.", ""]


def test_what_was_accepted_since_the_last_look_counts(client: Redis, admin: redis_py.Redis) -> None:
    room = Room(client, clock=lambda: 0.0)
    used = admin.info("memory")["used_memory"]
    admin.config_set("maxmemory", 2 * (used + 1_500_000))
    answers = [refused(room, 1_000_000), refused(room, 1_000_000), refused(room)]
    admin.config_set("maxmemory", 2**31)

    assert answers[0] == ""
    assert "Nothing of this size" in answers[1]
    assert answers[2] == ""
    assert FRESH_BYTES > 2_000_000
