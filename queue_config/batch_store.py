"""BatchStore: message batches as clients see them; a batch is in Redis whole or not at all.

The hash of requests without a result is the ledger: what stands in it has not ended, and a result is written in the
same step that takes its request out. So the counts are exact whatever dies in between.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from queue_config import keys
from queue_config.batch_record import BatchRecord
from queue_config.errors import Overloaded
from queue_config.idempotency import Claim, accept_once, holder
from queue_config.listing import Cursor, Listing, Page
from queue_config.room import Room
from queue_config.webhook_store import register

STAGING_TTL_S = 600
"""What was staged and never committed is gone after this."""
_STAGE_BYTES = 1_000_000
_CHUNK = 100

# KEYS: record. ARGV: now.
_CANCEL = """
if redis.call('HGET', KEYS[1], 'status') == 'in_progress' then
  redis.call('HSET', KEYS[1], 'status', 'canceling', 'cancel_initiated_at', ARGV[1])
end
"""


class BatchStore:
    def __init__(self, redis: Redis, *, result_ttl_s: int, max_bytes: int) -> None:
        """Ended batches are kept for `result_ttl_s`; all of a tenant's may hold `max_bytes` together."""
        self._redis = redis
        self._result_ttl_s = result_ttl_s
        self._max_bytes = max_bytes
        self._listing = Listing(redis)
        self._room = Room(redis)
        self._cancel: Script = redis.register_script(_CANCEL)

    def create(
        self,
        record: BatchRecord,
        requests: Sequence[tuple[str, bytes]],
        *,
        claim: Claim | None = None,
        webhook: str = "",
    ) -> str:
        """Make the batch durable, of custom ids and parameters as JSON; return its id, or the claimed one.

        The requests are staged in many small steps and become a batch in one. Raises Overloaded where batches hold
        too much already, and Conflict for a claim on something else. After a RedisError the outcome is unknown.
        """
        held = holder(self._redis, claim, keys.batch) if claim else None
        if held is not None:
            return held
        size_bytes = sum(len(custom_id) + 1 + len(params) for custom_id, params in requests)
        self._room.check(size_bytes)
        self._check_room(record.tenant, size_bytes)
        self._stage(record.id, requests)
        lifetime_s = record.expires_at - record.created_at + self._result_ttl_s

        def commit(pipe: Pipeline) -> None:
            pipe.persist(keys.batch_requests(record.id))
            pipe.persist(keys.batch_todo(record.id))
            pipe.hset(keys.batch(record.id), mapping=replace(record, held_bytes=size_bytes).to_hash())
            pipe.zadd(keys.batches(record.tenant), {record.id: record.created_at})
            pipe.zadd(keys.BATCHES_ACTIVE, {record.id: record.created_at})
            if webhook:
                register(pipe, record.id, webhook, record.expires_at)

        accepted_id = accept_once(self._redis, record.id, claim, commit, record_key=keys.batch, ttl_s=round(lifetime_s))
        if accepted_id != record.id:
            self._redis.unlink(keys.batch_requests(record.id), keys.batch_todo(record.id))
        return accepted_id

    def find(self, batch_id: str) -> BatchRecord | None:
        found = cast(dict[bytes, bytes], self._redis.hgetall(keys.batch(batch_id)))
        return BatchRecord.from_hash(batch_id, found) if found else None

    def page(self, tenant: str, cursor: Cursor, limit: int) -> tuple[list[BatchRecord], bool]:
        """Up to `limit` batches, newest first, and whether there are more. Raises InvalidRequest for a wrong cursor."""
        while True:
            page: Page = self._listing.page(keys.batches(tenant), cursor, limit)
            records = [self.find(batch_id) for batch_id in page.ids]
            gone = [batch_id for batch_id, record in zip(page.ids, records, strict=True) if record is None]
            if not gone:
                return [record for record in records if record], page.has_more
            # They have been kept for as long as was promised.
            self._listing.drop(keys.batches(tenant), gone)

    def cancel(self, batch_id: str, now: float) -> None:
        """Let it end soon; harmless where it has ended or is being canceled."""
        self._cancel(keys=[keys.batch(batch_id)], args=[now])

    def delete(self, record: BatchRecord) -> None:
        """Forget a batch that has ended, and its results."""
        with self._redis.pipeline() as pipe:
            pipe.zrem(keys.batches(record.tenant), record.id)
            pipe.unlink(keys.batch(record.id), keys.batch_results(record.id))
            pipe.execute()

    def results(self, batch_id: str) -> Iterator[list[bytes]]:
        """Its results, each a line of JSON without its end, some at a time."""
        for first in range(0, 2**62, _CHUNK):
            lines = cast(list[bytes], self._redis.lrange(keys.batch_results(batch_id), first, first + _CHUNK - 1))
            if lines:
                yield lines
            if len(lines) < _CHUNK:
                return

    def _check_room(self, tenant: str, size_bytes: int) -> None:
        batch_ids = cast(list[bytes], self._redis.zrange(keys.batches(tenant), 0, -1))
        with self._redis.pipeline(transaction=False) as pipe:
            for batch_id in batch_ids:
                pipe.hget(keys.batch(batch_id.decode()), "held_bytes")
            held_bytes = sum(int(found) for found in pipe.execute() if found)
        if held_bytes + size_bytes > self._max_bytes:
            raise Overloaded(
                "Batches and their results hold as much as they may; wait for some to end, or delete some that have."
            )

    def _stage(self, batch_id: str, requests: Sequence[tuple[str, bytes]]) -> None:
        staged = [keys.batch_requests(batch_id), keys.batch_todo(batch_id)]
        for first, last in _portions(requests):
            with self._redis.pipeline() as pipe:
                numbered = enumerate(requests[first:last], start=first)
                pipe.hset(
                    staged[0], mapping={str(n): b"%b %b" % (name.encode(), params) for n, (name, params) in numbered}
                )
                pipe.rpush(staged[1], *range(first, last))
                for key in staged:
                    pipe.expire(key, STAGING_TTL_S)
                pipe.execute()
        with self._redis.pipeline() as pipe:
            pipe.hlen(staged[0])
            pipe.llen(staged[1])
            if pipe.execute() != [len(requests)] * 2:
                raise Overloaded("The batch took too long to store; try again.")


def _portions(requests: Sequence[tuple[str, bytes]]) -> Iterator[tuple[int, int]]:
    """Slices of up to _STAGE_BYTES or 500 requests, which Redis takes in without holding up others."""
    first = size_bytes = 0
    for at, (_, params) in enumerate(requests):
        if at > first and (size_bytes + len(params) > _STAGE_BYTES or at - first >= 500):
            yield first, at
            first, size_bytes = at, 0
        size_bytes += len(params)
    if first < len(requests):
        yield first, len(requests)
