"""Claims: a worker's list of ids taken from the queues and not yet started, so that a crash in between loses none.

It replaces RQ's shared intermediate list, whose contents wait for a maintenance run: 76 and 134 s were seen.
"""

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.commands.core import Script

from queue_config import keys, rq_keys
from queue_config.request import understood

LOOK_AT = 100
"""How many of a queue's first requests are looked at for one that this worker can serve."""

# What a worker can't serve (of a newer version, or made with another tokenizer) keeps its place for one that can.
# KEYS: the claim list, workers, lease, then the queues in order of preference. ARGV: name, how RQ's records are called,
# how many to look at, then the needs that the worker meets.
_TAKE = """
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 or redis.call('EXISTS', KEYS[3]) == 0 then return '' end
local meets = {}
for i = 4, #ARGV do meets[ARGV[i]] = true end
for i = 4, #KEYS do
  for place = 0, ARGV[3] - 1 do
    local id = redis.call('LINDEX', KEYS[i], place)
    if not id then break end
    local needs = redis.call('HGET', ARGV[2] .. id, 'needs')
    if not needs or meets[needs] then
      redis.call('RPUSH', KEYS[1], id)
      redis.call('LREM', KEYS[i], 1, id)
      return id
    end
  end
end
return false
"""

# KEYS: the claim list, RQ's record. ARGV: id.
_DROP = "if redis.call('HGET', KEYS[2], 'status') ~= 'queued' then redis.call('LREM', KEYS[1], 1, ARGV[1]) end"

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


class NoLease(Exception):
    """The worker's lease has gone, so it may claim nothing."""


class Claims:
    """`meets` are the needs of requests that this worker may take."""

    def __init__(
        self, redis: Redis, worker: str, queue_keys: Sequence[str], meets: Sequence[str] = tuple(understood())
    ) -> None:
        self._redis = redis
        self._worker = worker
        self._key = keys.claims(worker)
        self._queue_keys = list(queue_keys)
        self._meets = list(meets)
        self._take: Script = redis.register_script(_TAKE)
        self._drop: Script = redis.register_script(_DROP)
        self._taken = 0

    def take(self, *, batches: bool = True) -> str | None:
        """Move an id from the first queue that has one, by `preference`, to the claim list; None if all are empty.

        Without `batches` the last queue, that of batches, is not asked. Raises NoLease.
        """
        asked = self._queue_keys if batches else self._queue_keys[:-1]
        own = [self._key, keys.WORKERS, keys.lease(self._worker)]
        told: list[str | int] = [self._worker, rq_keys.job(""), LOOK_AT, *self._meets]
        taken = cast(bytes | None, self._take(keys=[*own, *preference(self._taken, asked)], args=told))
        if taken is None:
            return None
        if not taken:
            raise NoLease(self._worker)
        self._taken += 1
        return taken.decode()

    def drop(self, job_id: str) -> None:
        """The claimed id needs no start any more; nothing where it does, and is only being taken from us."""
        self._drop(keys=[self._key, rq_keys.job(job_id)], args=[job_id])

    def held(self) -> list[str]:
        return [item.decode() for item in cast(list[Any], self._redis.lrange(self._key, 0, -1))]
