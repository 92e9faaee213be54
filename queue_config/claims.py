"""Claims: a slot's list of ids taken from the queues and not yet started, so that a crash in between loses none.

It replaces RQ's shared intermediate list, whose contents wait for a maintenance run: 76 and 134 s were seen.
"""

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.commands.core import Script

from queue_config import keys

# KEYS: the claim list, then the queues in order of preference.
_TAKE = """
for i = 2, #KEYS do
  local id = redis.call('LMOVE', KEYS[i], KEYS[1], 'LEFT', 'RIGHT')
  if id then return id end
end
return false
"""


class Claims:
    def __init__(self, redis: Redis, slot: str, queue_keys: Sequence[str]) -> None:
        self._redis = redis
        self._key = keys.claims(slot)
        self._queue_keys = list(queue_keys)
        self._take: Script = redis.register_script(_TAKE)

    def take(self) -> str | None:
        """Move the next id from the first queue that has one to the claim list; None where all are empty."""
        taken = cast(bytes | None, self._take(keys=[self._key, *self._queue_keys]))
        return taken.decode() if taken else None

    def drop(self, job_id: str) -> None:
        """The claimed id has been started, or needs no start any more."""
        self._redis.lrem(self._key, 1, job_id)

    def held(self) -> list[str]:
        return [item.decode() for item in cast(list[Any], self._redis.lrange(self._key, 0, -1))]
