"""The ways to get a Redis client; which one depends on whether a command may safely run twice."""

from typing import Any

from redis import BlockingConnectionPool, Redis, RedisError, WatchError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisDown
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisSlow
from redis.retry import Retry

__all__ = [
    "REDIS_AWAY",
    "Redis",
    "RedisDown",
    "RedisError",
    "RedisSlow",
    "WatchError",
    "connect",
    "subscriber_connection",
]

REDIS_AWAY = (RedisDown, RedisSlow, ReadOnlyError, OutOfMemoryError)
"""What passes by itself: gone, silent, failing over, full. Anything else is a mistake of ours."""

CONNECT_TIMEOUT_S = 1.0
REPLY_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 64


def connect(url: str, *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> Redis:
    """A client that never repeats a command by itself.

    redis-py's default repeats any command ten times after a lost connection, which queues a job twice or strands a
    claimed one; whoever may repeat does so knowingly. A stale pooled connection is found by the health check.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=REPLY_TIMEOUT_S,
        socket_timeout=reply_timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    # So that closing the client closes its connections.
    return Redis.from_pool(pool)


def subscriber_connection(url: str) -> Any:
    """One bare connection for SUBSCRIBE: it fails aloud, where redis-py's PubSub reconnects and loses in silence."""
    options: dict[str, Any] = {
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "protocol": 2,
    }
    pool = BlockingConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **options)
    return pool.make_connection()  # type: ignore[no-untyped-call]
