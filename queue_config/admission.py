"""Admission: whether there is room for one more request, asked before anybody reads it; one script, one round trip.

Three questions. Is the queue full, by requests or by tokens? Has this key more waiting than is left free for others?
Has it used up its minute? A bucket per kind fills steadily and holds a minute's worth. What a request takes of tokens
is charged when it is known, so a bucket may go into debt, which is paid before the next request comes in.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from queue_config import keys, rq_keys
from queue_config.api_keys import Limits

FULL_S = 0.05
"""For so long nobody asks again after a queue was full of requests: at five times too much nearly all are refused, and
whoever is should hear it soon. It takes much longer to work off."""
KEPT_S = 3600
"""How long a bucket is remembered that nobody touches; by then nearly every one is full."""

# KEYS: the key's buckets, then the queues. ARGV: tenant, tokens (about), most that may wait, most tokens that may wait,
# whether to leave room for others, how RQ's records are called, then the three limits,
# and how long buckets are kept.
# Returns what is short ('' for nothing, 'full' for room whatever the size), after how many ms it may be there, and what
# the buckets hold.
_ASK = """
local tenant, tokens = ARGV[1], tonumber(ARGV[2])
local room, token_room = tonumber(ARGV[3]), tonumber(ARGV[4])
local waiting, waiting_tokens, own = 0, 0, 0
for i = 2, #KEYS do waiting = waiting + redis.call('LLEN', KEYS[i]) end
if waiting >= room then return {'full', 0} end
for i = 2, #KEYS do
  for _, id in ipairs(redis.call('LRANGE', KEYS[i], 0, -1)) do
    -- Found as text: read as JSON, it takes three times as long.
    local meta = redis.call('HGET', ARGV[6] .. id, 'meta') or ''
    waiting_tokens = waiting_tokens + (string.match(meta, '"input_tokens": ?(%d+)') or 0)
    if string.match(meta, '"tenant": ?"([^"]*)"') == tenant then own = own + 1 end
  end
end
if waiting > 0 and waiting_tokens + tokens > token_room then return {'queue', 0} end
if ARGV[5] == '1' and own > 0 and own >= room - waiting then return {'share', 0} end

local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local names, needs, held = {'requests', 'input', 'output'}, {1, tokens, 1}, {}
local stored = redis.call('HMGET', KEYS[1], 'at', unpack(names))
for i = 1, 3 do
  local limit = tonumber(ARGV[6 + i])
  held[i] = limit
  if limit > 0 and stored[1] and stored[i + 1] then
    held[i] = math.min(limit, stored[i + 1] + math.max(0, now - stored[1]) * limit / 60)
  end
end
for i = 1, 3 do
  local limit = tonumber(ARGV[6 + i])
  local short = limit > 0 and math.min(needs[i], limit) - held[i] or 0
  if short > 0 then
    return {names[i], math.ceil(short * 60000 / limit), math.floor(held[1]), math.floor(held[2]), math.floor(held[3])}
  end
end
if ARGV[7] ~= '0' then held[1] = held[1] - 1 end
if ARGV[7] + ARGV[8] + ARGV[9] > 0 then
  redis.call('HSET', KEYS[1], 'at', now, 'requests', held[1], 'input', held[2], 'output', held[3])
  redis.call('EXPIRE', KEYS[1], ARGV[10])
end
return {'', 0, math.floor(held[1]), math.floor(held[2]), math.floor(held[3])}
"""

# KEYS: the key's buckets. ARGV: input tokens, output tokens, ttl. Only keys with limits have buckets.
_CHARGE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBYFLOAT', KEYS[1], 'input', -ARGV[1])
  redis.call('HINCRBYFLOAT', KEYS[1], 'output', -ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
"""

Short = Literal["", "queue", "share", "requests", "input", "output"]


@dataclass(frozen=True, slots=True)
class Verdict:
    short: Short
    """What there is not enough of: room in the queue, of the key's share of it, or in one of its buckets."""
    retry_after_s: int
    """0 where nobody knows."""
    held: tuple[int, int, int]
    """What the buckets of requests, input and output tokens hold now, debts included; 0 where there is no limit."""


_FULL = Verdict("queue", 0, (0, 0, 0))


class Admission:
    def __init__(
        self,
        redis: Redis,
        *,
        max_waiting: int,
        max_waiting_tokens: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._full: dict[tuple[str, ...], float] = {}
        """By queues: until when they count as full. No more of them than models."""
        self._room = (max_waiting, max_waiting_tokens)
        self._ask: Script = redis.register_script(_ASK)

    def ask(self, queue_keys: Sequence[str], tenant: str, tokens: int, limits: Limits, *, leaves_room: bool) -> Verdict:
        """Take one request out of the key's bucket, or say why not. `tokens` is what the request may be about.

        With `leaves_room` the tenant may have no more waiting than others find free. Raises RedisError.
        """
        queues = tuple(queue_keys)
        if self._clock() < self._full.get(queues, 0.0):
            return _FULL
        rates = (limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute)
        told: list[str | int] = [tenant, tokens, *self._room, int(leaves_room), rq_keys.job(""), *rates, KEPT_S]
        reply = cast(list[Any], self._ask(keys=[keys.rate(tenant), *queue_keys], args=told))
        if reply[0] == b"full":
            self._full[queues] = self._clock() + FULL_S
            return _FULL
        held = tuple(int(level) for level in reply[2:]) or (0, 0, 0)
        return Verdict(reply[0].decode(), math.ceil(reply[1] / 1000), cast(tuple[int, int, int], held))


class Charges:
    """Takes tokens out of the buckets of a key, where it has any."""

    def __init__(self, redis: Redis) -> None:
        self._charge: Script = redis.register_script(_CHARGE)

    def charge(
        self, tenant: str, *, input_tokens: int = 0, output_tokens: int = 0, pipe: Pipeline | None = None
    ) -> None:
        """At once, or with the other commands of `pipe`. Raises RedisError."""
        if tenant:
            self._charge(keys=[keys.rate(tenant)], args=[input_tokens, output_tokens, KEPT_S], client=pipe)
