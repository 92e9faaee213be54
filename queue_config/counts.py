"""Counts: what has happened in the whole service, in one Redis hash that outlives every process.

Ends of requests are counted by the scripts that write them into logs, each once; the rest is counted in the process
where it happens and brought here about once a second. Processes come, go and share a port; their sums here don't.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, cast

from redis import Redis, RedisError

from queue_config import keys

FLUSH_S = 1.0


class Count(NamedTuple):
    """One counter's name and what tells it from others of that name."""

    name: str
    labels: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        return " ".join((self.name, *self.labels))


STARTED = "started"
"""Of processes; label: api or worker."""
ANSWERED = "answered"
"""HTTP requests; labels: method, route, status."""
ENDED = "ended"
"""Requests for generation; label: the terminal event's name."""


class Counts:
    """Any thread may add; one flushes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._new: Counter[str] = Counter()

    def add(self, count: Count) -> None:
        """Costs nothing but memory; no label holds a space."""
        self._new[count.field] += 1

    def flush(self) -> None:
        """Bring what is new; where Redis fails it is brought the next time. Raises RedisError."""
        new, self._new = self._new, Counter()
        if not new:
            return
        try:
            with self._redis.pipeline() as pipe:
                for field, number in new.items():
                    pipe.hincrby(keys.COUNTS, field, number)
                pipe.execute()
        except RedisError:
            self._new += new
            raise

    def turn(self) -> float:
        """Flush; return when to come back, in seconds."""
        self.flush()
        return FLUSH_S

    def read(self) -> Mapping[Count, int]:
        """All that has been brought here, by any process."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(keys.COUNTS))
        return {_count(field.decode()): int(number) for field, number in found.items()}


def _count(field: str) -> Count:
    name, *labels = field.split(" ")
    return Count(name, tuple(labels))
