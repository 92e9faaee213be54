"""Deadlines: ends requests that are past theirs and that nobody else has ended, whether anybody waits for them or not.

In a queue there may be no worker to come for them; a worker that runs them may be dead, cut off or busy. Every process
looks; each end is one script, so it comes once.
"""

import logging
from typing import cast

from redis import Redis
from redis.commands.core import Script

from queue_config import events, keys, rq_keys
from queue_config.event_log import EventLog
from queue_config.events import Delta, Expired
from queue_config.log_script import PRELUDE
from queue_config.rq_time import as_rq_writes, rq_now

PATIENCE_S = 0.75
"""How long the word of the worker that runs it is waited for."""
AT_ONCE = 100

# KEYS: deadlines. ARGV: at most so many.
_OVERDUE = """
local now = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now[1] + now[2] / 1e6, 'LIMIT', 0, ARGV[1])
"""

# KEYS: deadlines, record, stream, queue, failed, results. ARGV: job id, live channel, terminal event, ttl, now (ISO),
# why, patience.
_END = (
    PRELUDE
    + """
local job = ARGV[1]
local deadline, now = redis.call('ZSCORE', KEYS[1], job), redis.call('TIME')
if not deadline then return 0 end
local status, owner = unpack(redis.call('HMGET', KEYS[2], 'status', 'worker_name'))
local kind, attempt, seq = last_of(KEYS[3])
local waits, runs = status == 'queued', status == 'started'
if not (waits or runs) or ends[kind] then
  redis.call('ZREM', KEYS[1], job)
  return 0
end
if runs and now[1] + now[2] / 1e6 < deadline + ARGV[7] then return 0 end
-- As a new attempt, where one runs: whatever its worker still writes is refused.
log(KEYS[3], ARGV[2], job, attempt + (runs and 1 or 0), seq + 1, ARGV[3], ARGV[4])
redis.call('LREM', KEYS[4], 1, job)
redis.call('HSET', KEYS[2], 'status', waits and 'canceled' or 'failed', 'ended_at', ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[4])
if runs then
  redis.call('ZADD', KEYS[5], now[1] + ARGV[4], job)
  redis.call('XADD', KEYS[6], 'MAXLEN', 10, '*', 'type', 2, 'worker_name', owner or '', 'exc_string', ARGV[6])
  redis.call('EXPIRE', KEYS[6], ARGV[4])
end
redis.call('ZREM', KEYS[1], job)
return 1
"""
)

_logger = logging.getLogger(__name__)


class Deadlines:
    """`result_ttl_s` is how long what has ended is kept."""

    def __init__(self, redis: Redis, log: EventLog, *, result_ttl_s: int) -> None:
        self._redis = redis
        self._log = log
        self._result_ttl_s = result_ttl_s
        self._overdue: Script = redis.register_script(_OVERDUE)
        self._end: Script = redis.register_script(_END)

    def turn(self) -> None:
        """Look once, by Redis's clock. Raises RedisError."""
        for raw in cast(list[bytes], self._overdue(keys=[keys.DEADLINES], args=[AT_ONCE])):
            job_id = raw.decode(errors="replace")
            if self._expire(job_id):
                _logger.info("past its deadline", extra={"job": job_id})

    def _expire(self, job_id: str) -> bool:
        tokens = sum(len(entry.event.tokens) for entry in self._log.read(job_id) if isinstance(entry.event, Delta))
        found = cast(bytes | None, self._redis.hget(rq_keys.job(job_id), "origin")) or b""
        # A record that can't be read must not keep others from their ends.
        origin = found.decode(errors="replace")
        own = [
            keys.DEADLINES,
            rq_keys.job(job_id),
            keys.events(job_id),
            rq_keys.queue(origin),
            rq_keys.failed(origin),
            rq_keys.results(job_id),
        ]
        why = as_rq_writes("past its deadline")
        told: list[str | bytes | int | float] = [job_id, keys.LIVE, events.dump(Expired(tokens)), self._result_ttl_s]
        return bool(self._end(keys=own, args=[*told, rq_now(), why, PATIENCE_S]))
