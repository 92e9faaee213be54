"""EventLog: one Redis stream per request, which is the truth; pub/sub only carries it faster.

Entry ids are explicit, `<attempt>-<seq>`: seq counts a request's events over all attempts, without gaps. So one id is
at once the idempotency key of an append, the fence against a worker that was given up for dead, the `Last-Event-ID` of
a reader, and the point from which another worker goes on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, cast

from redis import Redis
from redis.commands.core import Script

from queue_config import events, keys, rq_keys
from queue_config.events import TERMINAL, Event, Started, Terminal
from queue_config.log_script import COUNT_END
from queue_config.unreadable import LOST

# KEYS: a stream per entry, then the count of those refused. ARGV: channel, then id, payload, job id and ttl per entry.
# Returns the 1-based indices of entries refused because somebody else has gone on from there; and of those that would
# leave a gap, because Redis has lost what stood before them, each followed by the last seq that is there.
_APPEND = (
    COUNT_END
    + """
local function last_of(key)
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not last then return 0, 0 end
  local attempt, seq = string.match(last[1], '^(%d+)-(%d+)$')
  return tonumber(attempt), tonumber(seq)
end
local function tear(key, id)
  local attempt, seq = string.match(id, '^(%d+)-(%d+)$')
  if redis.call('XLEN', key) >= seq - 1 then return nil end
  local last_attempt, last_seq = last_of(key)
  if last_attempt > tonumber(attempt) or last_seq >= seq - 1 then return nil end
  return last_seq
end

local frame, fenced, torn = {}, {}, {}
for i = 1, #KEYS - 1 do
  local id, payload, job, ttl = ARGV[4*i-2], ARGV[4*i-1], ARGV[4*i], ARGV[4*i+1]
  local is_in = false
  local had = tear(KEYS[i], id)
  if had then
    torn[#torn+1] = i; torn[#torn+1] = had
  else
    local reply = redis.pcall('XADD', KEYS[i], id, 'e', payload)
    is_in = true
    if type(reply) == 'table' and reply.err then
      if not string.find(reply.err, 'equal or smaller', 1, true) then return redis.error_reply(reply.err) end
      local mine = redis.call('XRANGE', KEYS[i], id, id)[1]
      is_in = last_of(KEYS[i]) <= tonumber(string.match(id, '^%d+')) and mine and mine[2][2] == payload
      if not is_in then fenced[#fenced+1] = i end
    else
      count_end(payload)
    end
  end
  if is_in then
    redis.call('EXPIRE', KEYS[i], ttl)
    frame[#frame+1] = job; frame[#frame+1] = id; frame[#frame+1] = payload
  end
end
if #frame > 0 then redis.call('PUBLISH', ARGV[1], table.concat(frame, '\\0')) end
if #fenced > 0 then redis.call('INCRBY', KEYS[#KEYS], #fenced) end
return {fenced, torn}
"""
)

# KEYS: stream, RQ's record, flag of a cancel. ARGV: channel, id, payload, job id, ttl, id of the entry that must be the
# last ('' for none), worker.
_BEGIN = """
local status, owner = unpack(redis.call('HMGET', KEYS[2], 'status', 'worker_name'))
if status ~= 'started' or owner ~= ARGV[7] then return "another's" end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not (last and last[1] == ARGV[2] and last[2][2] == ARGV[3]) then
  if (last and last[1] or '') ~= ARGV[6] then return "another's" end
  redis.call('XADD', KEYS[1], ARGV[2], 'e', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('PUBLISH', ARGV[1], table.concat({ARGV[4], ARGV[2], ARGV[3]}, '\\0'))
end
return redis.call('EXISTS', KEYS[3]) == 1 and 'canceled' or 'begun'
"""

Beginning = Literal["begun", "canceled", "another's"]
"""`canceled`: begun too, but its client has said by now that it wants no more of it."""


class Position(NamedTuple):
    """Where in a request's log: `seq` counts from 1; START stands before everything."""

    attempt: int
    seq: int

    def __str__(self) -> str:
        return f"{self.attempt}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError where `text` is no `<attempt>-<seq>`."""
        attempt, _, seq = text.partition("-")
        return cls(int(attempt), int(seq))


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    job_id: str
    position: Position
    event: Event


class LogTorn(Exception):
    """Redis has lost the ends of logs: it was restarted without its files, or its master's place taken by a replica."""

    def __init__(self, had: Mapping[str, int]) -> None:
        super().__init__(f"logs have lost their ends: {dict(had)}")
        self.had = had
        """By job id: the last seq that is there."""


class EventLog:
    """Logs are kept for `result_ttl_s` after their end, and while they grow for `live_ttl_s` after the last event."""

    def __init__(self, redis: Redis, *, result_ttl_s: int, live_ttl_s: int) -> None:
        self._redis = redis
        self._result_ttl_s = result_ttl_s
        self._live_ttl_s = live_ttl_s
        self._append: Script = redis.register_script(_APPEND)
        self._begin: Script = redis.register_script(_BEGIN)

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write entries of any requests in one atomic step and publish them as one frame; return the refused ones.

        May be repeated after a lost connection: an entry that is there already is neither refused nor doubled. Raises
        LogTorn where some would leave a gap; the others are written then.
        """
        arguments: list[str | bytes | int] = [keys.LIVE]
        for entry in entries:
            ttl_s = self._result_ttl_s if isinstance(entry.event, TERMINAL) else self._live_ttl_s
            arguments += [str(entry.position), events.dump(entry.event), entry.job_id, ttl_s]
        streams = [keys.events(entry.job_id) for entry in entries]
        fenced, torn = cast(tuple[list[int], list[int]], self._append(keys=[*streams, keys.REFUSED], args=arguments))
        if torn:
            # Of several entries of a request the first one says how much is there.
            had = dict(zip(reversed(torn[::2]), reversed(torn[1::2]), strict=True))
            raise LogTorn({entries[index - 1].job_id: seq for index, seq in had.items()})
        return [entries[index - 1] for index in fenced]

    def begin(self, job_id: str, position: Position, after: Position, worker: str) -> Beginning:
        """Append the start of an attempt; nothing is written unless this worker has the request, by RQ's record, and
        the log still ends with `after`.

        So no worker that was overtaken begins anything, and nothing can be missed that is written while the log is
        read. May be repeated after a lost reply.
        """
        started = events.dump(Started(position.attempt, worker))
        told: list[str | bytes | int] = [
            keys.LIVE,
            str(position),
            started,
            job_id,
            self._live_ttl_s,
            "" if after == START else str(after),
        ]
        own = [keys.events(job_id), rq_keys.job(job_id), keys.canceled(job_id)]
        return cast(Beginning, cast(bytes, self._begin(keys=own, args=[*told, worker])).decode())

    def read(self, job_id: str, after: Position = START) -> list[Entry]:
        """The log from just behind `after` to its end; empty where there is none. What can't be read is the end."""
        found: list[Entry] = []
        for entry_id, fields in cast(Any, self._redis.xrange(keys.events(job_id), min=f"({after}", max="+")):
            found.append(_entry(job_id, entry_id, fields))
            if found[-1].event is LOST:
                break
        return found

    def last(self, job_id: str) -> Entry | None:
        rows = cast(Any, self._redis.xrevrange(keys.events(job_id), count=1))
        return _entry(job_id, *rows[0]) if rows else None

    def endings(self, job_ids: Iterable[str]) -> dict[str, Terminal]:
        """How those among them ended that have ended, in one round trip."""
        asked = list(job_ids)
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in asked:
                pipe.xrevrange(keys.events(job_id), count=1)
            found = zip(asked, pipe.execute(), strict=True)
        last = {job_id: _event(rows[0][1]) for job_id, rows in found if rows}
        return {job_id: event for job_id, event in last.items() if isinstance(event, TERMINAL)}


def parse_frame(frame: bytes) -> Iterator[tuple[str, Position, bytes]]:
    """Split a published frame into (job id, position, event as JSON), leaving the JSON unread."""
    parts = frame.split(b"\0")
    for i in range(0, len(parts) - 2, 3):
        yield parts[i].decode(), Position.parse(parts[i + 1].decode()), parts[i + 2]


def _entry(job_id: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    return Entry(job_id, Position.parse(entry_id.decode()), _event(fields))


def _event(fields: Mapping[bytes, bytes]) -> Event:
    try:
        return events.load(fields[b"e"])
    except (ValueError, TypeError, KeyError):
        # Nobody could go on from there.
        return LOST
