"""What scripts share that write a request's log: its end, and how entries are added, kept, told of and counted."""

from queue_config import keys

COUNT_END = """
local function count_end(payload)
  local kind = string.match(payload, '^{"type":"(%a+)"')
  if kind ~= 'started' and kind ~= 'delta' then redis.call('HINCRBY', 'COUNTS', 'ended ' .. kind, 1) end
end
""".replace("COUNTS", keys.COUNTS)
"""`count_end(payload)` counts an event that was added to a log, if it is a terminal one."""

PRELUDE = (
    COUNT_END
    + """
local ends = {finished = true, failed = true, canceled = true, expired = true}
local function last_of(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if not last then return nil, 0, 0 end
  local attempt, seq = string.match(last[1], '^(%d+)-(%d+)$')
  return string.match(last[2][2], '^{"type":"(%a+)"'), tonumber(attempt), tonumber(seq)
end
local function log(stream, channel, job, attempt, seq, payload, ttl)
  local id = string.format('%d-%d', attempt, seq)
  redis.call('XADD', stream, id, 'e', payload)
  redis.call('EXPIRE', stream, ttl)
  redis.call('PUBLISH', channel, table.concat({job, id, payload}, '\\0'))
  count_end(payload)
end
"""
)
"""`last_of(stream)` gives the last event's type, attempt and seq: nil, 0, 0 for an empty log. `ends[type]` says whether
that is a terminal one. `log` appends."""
