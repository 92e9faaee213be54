"""The ways to get a Redis client; which one depends on who waits for it, and none repeats a command by itself."""

from dataclasses import dataclass
from typing import Any

from redis import BlockingConnectionPool, Redis, RedisError, WatchError
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisDown
from redis.exceptions import ExecAbortError, MasterDownError, OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisSlow
from redis.retry import Retry

from queue_config.redis_url import parse
from queue_config.redis_wire import RedisRefuses
from queue_config.turns import Turns

__all__ = [
    "PULSE",
    "REDIS_AWAY",
    "REQUESTS",
    "STREAMS",
    "WORK",
    "Patience",
    "Pipeline",
    "Redis",
    "RedisDown",
    "RedisError",
    "RedisSlow",
    "connect",
    "subscriber_connection",
]

REDIS_AWAY = (
    RedisDown,
    RedisSlow,
    ReadOnlyError,
    MasterDownError,
    OutOfMemoryError,
    RedisRefuses,
    # A MULTI whose end was refused for one of these reasons; a command of it that is wrong is raised by itself.
    ExecAbortError,
    # What a broken connection is called between WATCH and MULTI; where a key has changed its user knows what to do.
    WatchError,
)
"""What passes by itself: gone, silent, loading, failing over, full, without disk. Anything else is our mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client's user can wait, and how many of them there are at a time."""

    connect_s: float
    reply_s: float
    turn_s: float
    """For one of the connections, where all are in use and none comes back; see Turns."""
    connections: int


REQUESTS = Patience(connect_s=0.7, reply_s=0.7, turn_s=0.3, connections=64)
"""Somebody waits for an answer: a refusal takes less than 1.5 s even where Redis is frozen."""
STREAMS = Patience(connect_s=1.0, reply_s=2.0, turn_s=2.0, connections=32)
"""Open streams read their logs; apart from requests, which must not wait behind hundreds of them."""
WORK = Patience(connect_s=1.0, reply_s=3.0, turn_s=5.0, connections=64)
"""A worker's own, and whatever nobody waits for."""
PULSE = Patience(connect_s=1.0, reply_s=1.0, turn_s=1.0, connections=2)
"""A lease lasts five seconds: a connection that has died in silence must be found long before."""

SENTINEL_S = 0.3
"""For a Sentinel to connect or to answer; there are others."""
HEALTH_CHECK_S = 5
"""A connection that was idle for longer is tried before it is used."""


def connect(url: str, patience: Patience = WORK) -> Redis:
    """A client that never repeats a command by itself. Raises ValueError for what is no Redis URL.

    redis-py's default repeats any command ten times after a lost connection, which queues a job twice or strands a
    claimed one; whoever may repeat does so knowingly.
    """
    pool = BlockingConnectionPool(  # type: ignore[no-untyped-call]
        max_connections=patience.connections,
        timeout=patience.turn_s,
        queue_class=Turns,
        health_check_interval=HEALTH_CHECK_S,
        **_options(url, patience),
    )
    # So that closing the client closes its connections.
    return Redis.from_pool(pool)


def subscriber_connection(url: str) -> Any:
    """One bare connection for SUBSCRIBE: it fails aloud, where redis-py's PubSub reconnects and loses in silence."""
    options = _options(url, STREAMS)
    return options.pop("connection_class")(**options)


def _options(url: str, patience: Patience) -> dict[str, Any]:
    address = parse(url)
    options: dict[str, Any] = address.options | {
        "connection_class": address.connection_class,
        "socket_connect_timeout": patience.connect_s,
        "socket_timeout": patience.reply_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        # Would cost each new connection two round trips, for a name in CLIENT LIST.
        "driver_info": None,
    }
    if address.asking is not None:
        never = {"socket_timeout": SENTINEL_S, "socket_connect_timeout": SENTINEL_S, "retry": Retry(NoBackoff(), 0)}
        options["asking"] = address.asking | never
    return options
