"""Lease: a worker's proof of life, renewed every second and gone five seconds after the last renewal."""

from dataclasses import asdict, dataclass
from typing import Any, Self, cast

import orjson
from redis import Redis

from queue_config import keys

TTL_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """What a worker says of itself with each renewal."""

    name: str
    model: str
    device: str
    pid: int
    waiting: int
    """Sequences taken from the queue that are not decoding yet."""
    running: int
    """Sequences in the batch."""
    slots: int
    """How many sequences may decode together."""
    engine_age_s: float
    """Seconds since the engine thread last finished a step or found nothing to do."""
    draining: bool = False

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls(**orjson.loads(text))


class Leases:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def renew(self, status: WorkerStatus) -> None:
        with self._redis.pipeline() as pipe:
            pipe.sadd(keys.WORKERS, status.name)
            pipe.set(keys.lease(status.name), orjson.dumps(asdict(status)), ex=TTL_S)
            pipe.execute()

    def end(self, name: str) -> None:
        with self._redis.pipeline() as pipe:
            pipe.srem(keys.WORKERS, name)
            pipe.delete(keys.lease(name))
            pipe.execute()

    def live(self) -> list[WorkerStatus]:
        """The workers whose lease stands, by Redis's clock; forgets the names of the others."""
        names = sorted(name.decode() for name in cast(set[bytes], self._redis.smembers(keys.WORKERS)))
        if not names:
            return []
        found = cast(list[Any], self._redis.mget([keys.lease(name) for name in names]))
        gone = [name for name, text in zip(names, found, strict=True) if text is None]
        if gone:
            self._redis.srem(keys.WORKERS, *gone)
        return [WorkerStatus.from_json(text) for text in found if text is not None]
