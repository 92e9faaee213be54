"""What scripts share that write a request's log: where it ends, and how an entry is added, kept and told of."""

PRELUDE = """
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
end
"""
"""`last_of(stream)` gives the last event's type, attempt and seq: nil, 0, 0 for an empty log. `log` appends."""
