"""Fair order: in a queue tenants take turns, so that whoever sends much waits behind himself, not others behind him.

It is made where requests are queued: a tenant's n-th waiting request goes before everybody else's (n+1)-th. Workers
then take from the front, as ever.
"""

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from queue_config import rq_keys

# KEYS: the queue, at whose end the request stands already. ARGV: its id, its tenant, how RQ's records are called.
# What was put back to the front keeps its place, as nothing is moved but this one.
_PLACE = """
local ids = redis.call('LRANGE', KEYS[1], 0, -2)
local tenants, own = {}, 0
for i, id in ipairs(ids) do
  -- Found as text, as in admission: read as JSON, it takes three times as long.
  tenants[i] = string.match(redis.call('HGET', ARGV[3] .. id, 'meta') or '', '"tenant": ?"([^"]*)"') or ''
  if tenants[i] == ARGV[2] then own = own + 1 end
end
local before = {}
for i, id in ipairs(ids) do
  local tenant = tenants[i]
  if (before[tenant] or 0) > own then
    redis.call('RPOP', KEYS[1])
    redis.call('LINSERT', KEYS[1], 'BEFORE', id, ARGV[1])
    return
  end
  before[tenant] = (before[tenant] or 0) + 1
end
"""


class FairOrder:
    def __init__(self, redis: Redis) -> None:
        self._place: Script = redis.register_script(_PLACE)

    def place(self, pipe: Pipeline, queue_key: str, job_id: str, tenant: str) -> None:
        """Move the request that `pipe` has just put to the end of the queue to its tenant's turn."""
        # Without keys there is only one tenant.
        if tenant:
            self._place(keys=[queue_key], args=[job_id, tenant, rq_keys.job("")], client=pipe)
