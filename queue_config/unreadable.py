"""How a request ends whose record in Redis can't be read: aloud, and without workers' dying over it again and again."""

from redis import Redis
from redis.commands.core import Script

from queue_config import events, keys, rq_keys
from queue_config.events import Failed
from queue_config.log_script import PRELUDE
from queue_config.rq_time import rq_now

LOST = Failed("api_error", "What was kept of this request can't be read; send it again.")

# Whoever has claimed it may end it. KEYS: claim list, record, stream, deadlines. ARGV: job id, live channel, terminal
# event, ttl, now (ISO).
_END = (
    PRELUDE
    + """
if redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
local kind, attempt, seq = last_of(KEYS[3])
if not ends[kind] then
  log(KEYS[3], ARGV[2], ARGV[1], attempt + 1, seq + 1, ARGV[3], ARGV[4])
end
redis.call('HSET', KEYS[2], 'status', 'failed', 'ended_at', ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('ZREM', KEYS[4], ARGV[1])
return 1
"""
)


def end_unreadable(redis: Redis, job_id: str, worker: str, *, result_ttl_s: int) -> bool:
    """False, and nothing was done, unless this worker has claimed it."""
    end: Script = redis.register_script(_END)
    own = [keys.claims(worker), rq_keys.job(job_id), keys.events(job_id), keys.DEADLINES]
    return bool(end(keys=own, args=[job_id, keys.LIVE, events.dump(LOST), result_ttl_s, rq_now()]))
