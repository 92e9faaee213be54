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


LOWER_LANES_EVERY = 4
LOWEST_LANE_EVERY = 16


def preference(turn: int, queues: Sequence[str]) -> list[str]:
    """The order in which the queues are asked at the `turn`-th claim, counted from 0; as they come, but for a few.

    Every 4th claim goes past the first queue if another one has something, every 16th to the last one, so that of three
    lanes the second gets at least 3 and the third at least 1 of 16 while they wait, however much comes in the first.
    """
    if turn % LOWEST_LANE_EVERY == LOWEST_LANE_EVERY - 1:
        return [*queues[-1:], *queues[:-1]]
    if turn % LOWER_LANES_EVERY == LOWER_LANES_EVERY - 1:
        return [*queues[1:], *queues[:1]]
    return list(queues)


class Claims:
    def __init__(self, redis: Redis, slot: str, queue_keys: Sequence[str]) -> None:
        self._redis = redis
        self._key = keys.claims(slot)
        self._queue_keys = list(queue_keys)
        self._take: Script = redis.register_script(_TAKE)
        self._taken = 0

    def take(self) -> str | None:
        """Move an id from the first queue that has one, by `preference`, to the claim list; None if all are empty."""
        taken = cast(bytes | None, self._take(keys=[self._key, *preference(self._taken, self._queue_keys)]))
        if taken is None:
            return None
        self._taken += 1
        return taken.decode()

    def drop(self, job_id: str) -> None:
        """The claimed id has been started, or needs no start any more."""
        self._redis.lrem(self._key, 1, job_id)

    def held(self) -> list[str]:
        return [item.decode() for item in cast(list[Any], self._redis.lrange(self._key, 0, -1))]
