"""The steps by which a dead worker's things are taken from it; each is one script, so two who do the same do it once.

They write RQ's books as RQ does, so that what `rq info` says stays true.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from queue_config import events, keys, rq_keys
from queue_config.events import Failed
from queue_config.log_script import PRELUDE
from queue_config.rq_time import rq_now

Fate = Literal["requeued", "failed", "booked", "another's", "alive"]

# KEYS: workers, buried, lease. ARGV: name.
_BURY = """
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
"""

# KEYS: buried, claim list, record, queue. ARGV: name, job id, control channel.
_RELEASE = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('LREM', KEYS[2], 0, ARGV[2]) == 0 then return 0 end
if redis.call('HGET', KEYS[3], 'status') == 'queued' then
  redis.call('LPUSH', KEYS[4], ARGV[2])
  redis.call('PUBLISH', ARGV[3], 'wake')
end
return 1
"""

# KEYS: buried, record, stream, queue, started, execution, job's executions, worker's executions, finished, failed,
# results. ARGV: name, job id, execution id, live channel, control channel, terminal event, why, now (ISO), result ttl,
# live ttl.
_TAKE = (
    PRELUDE
    + """
local name, job, composite = ARGV[1], ARGV[2], ARGV[2] .. ':' .. ARGV[3]
if redis.call('SISMEMBER', KEYS[1], name) == 0 then return 'alive' end
redis.call('DEL', KEYS[6])
redis.call('ZREM', KEYS[5], composite)
redis.call('ZREM', KEYS[7], ARGV[3])
redis.call('SREM', KEYS[8], composite)
local status, owner, left = unpack(redis.call('HMGET', KEYS[2], 'status', 'worker_name', 'retries_left'))
if status ~= 'started' or owner ~= name then return "another's" end

local kind, attempt, seq = last_of(KEYS[3])
if not ends[kind] and (tonumber(left) or 0) > 0 then
  -- Nobody's attempt: whatever the worker writes should it wake up is refused from here on.
  local started = '{"type":"started","attempt":' .. string.format('%d', attempt + 1) .. ',"worker":""}'
  log(KEYS[3], ARGV[4], job, attempt + 1, seq + 1, started, ARGV[10])
  redis.call('HSET', KEYS[2], 'status', 'queued', 'enqueued_at', ARGV[8])
  redis.call('HINCRBY', KEYS[2], 'retries_left', -1)
  redis.call('LPUSH', KEYS[4], job)
  redis.call('PUBLISH', ARGV[5], 'wake')
  return 'requeued'
end

local fate = 'booked'
if not ends[kind] then
  log(KEYS[3], ARGV[4], job, attempt + 1, seq + 1, ARGV[6], ARGV[9])
  fate, kind = 'failed', 'failed'
end
local registry, result = KEYS[10], 2
local state = kind == 'canceled' and 'stopped' or 'failed'
if kind == 'finished' then registry, result, state = KEYS[9], 1, 'finished' end
redis.call('HSET', KEYS[2], 'status', state, 'ended_at', ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[9])
redis.call('ZADD', registry, redis.call('TIME')[1] + ARGV[9], job)
local said = {'type', result, 'worker_name', name}
if fate == 'failed' then said[5], said[6] = 'exc_string', ARGV[7] end
redis.call('XADD', KEYS[11], 'MAXLEN', 10, '*', unpack(said))
redis.call('EXPIRE', KEYS[11], ARGV[9])
return fate
"""
)

# KEYS: stream, record. ARGV: live channel, job id, terminal event, ttl.
_MEND = (
    PRELUDE
    + """
local kind, attempt, seq = last_of(KEYS[1])
if ends[kind] or redis.call('HGET', KEYS[2], 'status') ~= 'failed' then return 0 end
log(KEYS[1], ARGV[1], ARGV[2], attempt + 1, seq + 1, ARGV[3], ARGV[4])
return 1
"""
)

# KEYS: buried, RQ's workers, record of the worker, its executions, then the workers of each queue. ARGV: name, record.
_STRIKE_OFF = """
if redis.call('SREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('SREM', KEYS[2], ARGV[2])
for i = 5, #KEYS do redis.call('SREM', KEYS[i], ARGV[2]) end
redis.call('DEL', KEYS[3], KEYS[4])
return 1
"""


class Started(NamedTuple):
    """A job that RQ has as started."""

    job_id: str
    execution_id: str
    queue: str
    worker: str
    """Empty where RQ has forgotten it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a request ends that has no attempt left."""

    event: Failed
    why: str
    """The same in RQ's books, in RQ's own encoding."""


class Steps:
    def __init__(self, redis: Redis, verdict: Verdict, *, result_ttl_s: int, live_ttl_s: int) -> None:
        self._verdict = verdict
        self._result_ttl_s = result_ttl_s
        self._live_ttl_s = live_ttl_s
        self._bury: Script = redis.register_script(_BURY)
        self._release: Script = redis.register_script(_RELEASE)
        self._take: Script = redis.register_script(_TAKE)
        self._mend: Script = redis.register_script(_MEND)
        self._strike_off: Script = redis.register_script(_STRIKE_OFF)

    def bury(self, name: str) -> bool:
        """False where its lease stands."""
        return bool(self._bury(keys=[keys.WORKERS, keys.BURIED, keys.lease(name)], args=[name]))

    def release(self, name: str, job_id: str, queue: str) -> None:
        """Put what a buried worker had only claimed back to the front of its queue; that was no attempt."""
        own = [keys.BURIED, keys.claims(name), rq_keys.job(job_id), rq_keys.queue(queue)]
        self._release(keys=own, args=[name, job_id, keys.CONTROL])

    def take(self, started: Started) -> Fate:
        """Put what a buried worker had started back to the front of its queue, or end it; close RQ's books on it."""
        job_id, execution_id, queue, worker = started
        own = [
            keys.BURIED,
            rq_keys.job(job_id),
            keys.events(job_id),
            rq_keys.queue(queue),
            rq_keys.started(queue),
            rq_keys.execution(job_id, execution_id),
            rq_keys.executions(job_id),
            rq_keys.worker_executions(worker),
            rq_keys.finished(queue),
            rq_keys.failed(queue),
            rq_keys.results(job_id),
        ]
        end, why = events.dump(self._verdict.event), self._verdict.why
        told: list[str | bytes | int] = [worker, job_id, execution_id, keys.LIVE, keys.CONTROL, end, why, rq_now()]
        fate = self._take(keys=own, args=[*told, self._result_ttl_s, self._live_ttl_s])
        return cast(Fate, cast(bytes, fate).decode())

    def mend(self, job_id: str) -> bool:
        """Give a request its end that RQ gave up by itself; False where it has one."""
        end = events.dump(self._verdict.event)
        own = [keys.events(job_id), rq_keys.job(job_id)]
        return bool(self._mend(keys=own, args=[keys.LIVE, job_id, end, self._result_ttl_s]))

    def strike_off(self, name: str, queues: list[str]) -> None:
        """Nothing is left of a buried worker: it may enrol again, and RQ lists it no more."""
        record = rq_keys.worker(name)
        own = [keys.BURIED, rq_keys.WORKERS, record, rq_keys.worker_executions(name), *map(rq_keys.workers_of, queues)]
        self._strike_off(keys=own, args=[name, record])
