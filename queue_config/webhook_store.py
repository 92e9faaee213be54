"""WebhookStore: who wants to hear of which end, and what is still to be said."""

from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from queue_config import keys

# KEYS: watched, due, webhook. ARGV: subject, body, now.
_END = """
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
  redis.call('HSET', KEYS[3], 'body', ARGV[2])
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
end
"""

# One that is taken comes back by itself if its taker dies. KEYS: due. ARGV: now, back at, count, key prefix.
_TAKE = """
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local key = ARGV[4] .. id
  local found = redis.call('HMGET', key, 'url', 'body')
  if found[1] then
    redis.call('ZADD', KEYS[1], ARGV[2], id)
    taken[#taken+1] = {id, found[1], found[2], redis.call('HINCRBY', key, 'tries', 1)}
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return taken
"""


KEPT_S = 86_400
"""How long after the latest end it is remembered whom to tell; all tries take a few hours."""


@dataclass(frozen=True, slots=True)
class Delivery:
    subject_id: str
    """The job or batch that has ended, and the message's id for its receiver."""
    url: str
    body: bytes
    tries: int
    """This one included."""


def register(pipe: Pipeline, subject_id: str, url: str, ends_by: float) -> None:
    """In the MULTI that accepts a job or batch: note whom to tell of its end, which comes by `ends_by` (Unix s)."""
    pipe.hset(keys.webhook(subject_id), mapping={"url": url})
    # Should nobody send webhooks any more, it goes all the same.
    pipe.expireat(keys.webhook(subject_id), round(ends_by) + KEPT_S)
    pipe.zadd(keys.WEBHOOKS_WATCHED, {subject_id: ends_by})


class WebhookStore:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._end: Script = redis.register_script(_END)
        self._take: Script = redis.register_script(_TAKE)

    def watched(self) -> dict[str, float]:
        """The jobs and batches whose end is awaited, with the time by which it must have come (Unix s)."""
        found = cast(list[Any], self._redis.zrange(keys.WEBHOOKS_WATCHED, 0, -1, withscores=True))
        return {item.decode(): ends_by for item, ends_by in found}

    def ended(self, subject_id: str, body: bytes, now: float) -> None:
        """It has ended: `body` is due. Harmless where it is due already, or was delivered."""
        self._end(
            keys=[keys.WEBHOOKS_WATCHED, keys.WEBHOOKS_DUE, keys.webhook(subject_id)], args=[subject_id, body, now]
        )

    def take(self, now: float, back_at: float, count: int) -> list[Delivery]:
        """Up to `count` that are due; each comes back at `back_at` unless it is put off or dropped before."""
        rows = cast(list[Any], self._take(keys=[keys.WEBHOOKS_DUE], args=[now, back_at, count, keys.webhook("")]))
        return [Delivery(subject.decode(), url.decode(), body, tries) for subject, url, body, tries in rows]

    def put_off(self, subject_id: str, until: float) -> None:
        """Try again at `until` (Unix s)."""
        self._redis.zadd(keys.WEBHOOKS_DUE, {subject_id: until}, xx=True)

    def drop(self, subject_id: str) -> None:
        """It is delivered, or given up."""
        with self._redis.pipeline() as pipe:
            pipe.zrem(keys.WEBHOOKS_WATCHED, subject_id)
            pipe.zrem(keys.WEBHOOKS_DUE, subject_id)
            pipe.delete(keys.webhook(subject_id))
            pipe.execute()
