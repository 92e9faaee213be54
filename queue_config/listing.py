"""Listing: ids in the order of their creation, read in pages, newest first."""

from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from queue_config.errors import InvalidRequest

# One step, since a rank found before another id is added means something else after it.
# KEYS: the sorted set. ARGV: limit, after, before. Returns false for an unknown cursor.
_PAGE = """
local limit, first, last = tonumber(ARGV[1]), 0, nil
local cursor = ARGV[2] ~= '' and ARGV[2] or ARGV[3]
local rank = cursor ~= '' and redis.call('ZREVRANK', KEYS[1], cursor)
if cursor ~= '' and not rank then return false end
if ARGV[2] ~= '' then first = rank + 1 end
if ARGV[3] ~= '' then
  if rank == 0 then return {} end
  return redis.call('ZREVRANGE', KEYS[1], math.max(0, rank - limit), rank - 1)
end
return redis.call('ZREVRANGE', KEYS[1], first, first + limit - 1)
"""


class Cursor(NamedTuple):
    """Where a page lies: just behind (older than) `after`, or just before (newer than) `before`; not both."""

    after: str = ""
    before: str = ""


class Page(NamedTuple):
    ids: list[str]
    """Newest first, whatever the direction."""
    has_more: bool
    """Whether there are others in the direction that was asked for."""


class Listing:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._page: Script = redis.register_script(_PAGE)

    def page(self, key: str, cursor: Cursor, limit: int) -> Page:
        """Up to `limit` ids of the sorted set at `key`. Raises InvalidRequest for a cursor that is not in it."""
        found = cast(list[bytes] | None, self._page(keys=[key], args=[limit + 1, cursor.after, cursor.before]))
        if found is None:
            field = "after_id" if cursor.after else "before_id"
            raise InvalidRequest(f"{field}: no such object, or none any more")
        ids = [item.decode() for item in found]
        # One more than was asked for tells whether there are more; it is the one farthest from the cursor.
        return Page(ids[-limit:] if cursor.before else ids[:limit], len(ids) > limit)

    def drop(self, key: str, ids: list[str]) -> None:
        """Forget ids whose objects are gone."""
        if ids:
            self._redis.zrem(key, *ids)
