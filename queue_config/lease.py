"""Lease: a worker's proof of life, renewed every second and gone five seconds after the last renewal, by Redis's clock.

A worker whose lease has gone is buried by whichever process looks first: from then on it can't renew, claim or start
anything under its name, until all that it had is taken from it and it enrols anew.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self, cast

import orjson
from redis import Redis
from redis.commands.core import Script

from queue_config import keys

TTL_S = 5
KNOWN_S = 86_400
"""How long a model that nobody serves any more is known by its name."""

_WRITE = """
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[3])
local now = redis.call('TIME')[1]
redis.call('ZADD', KEYS[4], now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - ARGV[5])
return 1
"""
# KEYS: workers, buried, lease, models. ARGV: name, status, ttl, model, for how long models are known.
_ENROL = f"""
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
{_WRITE}"""
_RENEW = f"""
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then return 0 end
{_WRITE}"""
# KEYS: workers, lease, claim list. ARGV: name.
_RETIRE = """
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SREM', KEYS[1], ARGV[1]) end
"""


@dataclass(frozen=True, slots=True)
class Prompting:
    """What those who write prompts for a worker must know of it."""

    context_tokens: int = 0
    """The most that prompt and answer may have together; 0 where it doesn't say."""
    fingerprint: str = ""
    """Of what it expects prompts to be made with (models.fingerprint); "" goes with any."""


ANY_PROMPTS = Prompting()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """What a worker says of itself with each renewal."""

    name: str
    model: str
    device: str
    pid: int
    waiting: int
    """Sequences taken from the queue that are not decoding yet."""
    running: int
    """Sequences in the batch."""
    slots: int
    """How many sequences may decode together."""
    engine_age_s: float
    """Seconds since the engine thread last finished a step or found nothing to do."""
    draining: bool = False
    refused: int = 0
    """How many of its writes were refused because its requests had been given to others."""
    context_tokens: int = 0
    """As in Prompting."""
    fingerprint: str = ""
    format: int = 1
    """The newest form of requests that it reads (queue_config.request); it reads all older ones too."""

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What a newer version says besides is left out: workers and APIs are restarted one after another."""
        return cls(**{name: value for name, value in orjson.loads(text).items() if name in cls.__slots__})


class Leases:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._enrol: Script = redis.register_script(_ENROL)
        self._renew: Script = redis.register_script(_RENEW)
        self._retire: Script = redis.register_script(_RETIRE)

    def enrol(self, status: WorkerStatus) -> bool:
        """Take the first lease; False while there are things of a buried worker of that name."""
        return self._write(self._enrol, status)

    def renew(self, status: WorkerStatus) -> bool:
        """False, and nothing is renewed, where the worker has been buried."""
        return self._write(self._renew, status)

    def end(self, name: str) -> None:
        """Whatever it still has is taken from it as soon as somebody looks."""
        self._redis.delete(keys.lease(name))

    def retire(self, name: str) -> None:
        """It has handed back what it had; should it have claimed something still, a reaper sees to that."""
        self._retire(keys=[keys.WORKERS, keys.lease(name), keys.claims(name)], args=[name])

    def names(self) -> list[str]:
        """Those that hold a lease, and those whose lease has gone and who are not buried yet."""
        return sorted(name.decode() for name in cast(set[bytes], self._redis.smembers(keys.WORKERS)))

    def live(self) -> list[WorkerStatus]:
        """The workers whose lease stands."""
        return [WorkerStatus.from_json(text) for _, text in self._found() if text is not None]

    def missing(self) -> list[str]:
        """The workers whose lease has gone, and who are not buried yet."""
        return [name for name, text in self._found() if text is None]

    def _found(self) -> list[tuple[str, bytes | None]]:
        names = self.names()
        if not names:
            return []
        return list(zip(names, cast(list[Any], self._redis.mget([keys.lease(name) for name in names])), strict=True))

    def _write(self, script: Script, status: WorkerStatus) -> bool:
        text = orjson.dumps(asdict(status))
        own = [keys.WORKERS, keys.BURIED, keys.lease(status.name), keys.MODELS]
        return bool(script(keys=own, args=[status.name, text, TTL_S, status.model, KNOWN_S]))
