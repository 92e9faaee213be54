"""ChoreLease: one process at a time does a chore of the whole service; another takes over when it dies."""

import secrets

from redis import Redis
from redis.commands.core import Script

from queue_config import keys

TTL_S = 5.0

# KEYS: lease. ARGV: holder, ttl in ms.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class ChoreLease:
    """Keeps work from being done twice over, not from being wrong: the work itself bears a second worker."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._key = keys.chore(name)
        self._holder = secrets.token_hex(8)
        self._hold: Script = redis.register_script(_HOLD)
        self._release: Script = redis.register_script(_RELEASE)

    def hold(self) -> bool:
        """Take or renew it; False where another has it."""
        return bool(self._hold(keys=[self._key], args=[self._holder, round(TTL_S * 1000)]))

    def release(self) -> None:
        """Let another have it at once; nothing where it isn't ours."""
        self._release(keys=[self._key], args=[self._holder])
