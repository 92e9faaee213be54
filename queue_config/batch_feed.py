"""BatchFeed: what moves a batch on, from its requests to its results; every step may be repeated, or cut off.

Several processes may do this at once: a step that another one was quicker with changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import WatchError

from queue_config import keys
from queue_config.job_queue import JobQueue
from queue_config.request import GenerationRequest

Outcome = Literal["succeeded", "errored", "canceled", "expired"]

# KEYS: record, requests, flying, results. ARGV: number, outcome, line, job id or ''.
_END = """
local size = redis.call('HSTRLEN', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[2], ARGV[1]) == 1 then
  redis.call('RPUSH', KEYS[4], ARGV[3])
  redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
  redis.call('HINCRBY', KEYS[1], 'held_bytes', #ARGV[3] - size)
end
if ARGV[4] ~= '' then redis.call('HDEL', KEYS[3], ARGV[4]) end
"""

# KEYS: flying, todo. ARGV: job id, number.
_PUT_BACK = "if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then redis.call('LPUSH', KEYS[2], ARGV[2]) end"

# KEYS: record, requests, results, todo, flying, active. ARGV: batch id, now, ttl.
_CLOSE = """
local status = redis.call('HGET', KEYS[1], 'status')
if not status then
  redis.call('DEL', KEYS[2], KEYS[4], KEYS[5])
  redis.call('ZREM', KEYS[6], ARGV[1])
  return 0
end
if status == 'ended' or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'ended', 'ended_at', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('DEL', KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[6], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    number: int
    """Its place in the batch, from 0."""
    custom_id: str
    params: bytes
    """JSON."""


class Place(NamedTuple):
    """Whose answer a message is."""

    number: int
    custom_id: str


class BatchFeed:
    """`result_ttl_s` is how long a batch is kept once it has ended."""

    def __init__(self, redis: Redis, queue: JobQueue, *, result_ttl_s: int) -> None:
        self._redis = redis
        self._queue = queue
        self._result_ttl_s = result_ttl_s
        self._end: Script = redis.register_script(_END)
        self._put_back: Script = redis.register_script(_PUT_BACK)
        self._close: Script = redis.register_script(_CLOSE)

    def active(self) -> list[str]:
        """The batches that have not ended, oldest first."""
        return [item.decode() for item in cast(list[bytes], self._redis.zrange(keys.BATCHES_ACTIVE, 0, -1))]

    def flying(self, batch_id: str) -> dict[str, Place]:
        """The messages of its that are queued or running, or ended without anybody having looked."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(keys.batch_flying(batch_id)))
        return {job_id.decode(): _place(place) for job_id, place in found.items()}

    def next(self, batch_id: str, count: int) -> tuple[list[int], list[BatchRequest]]:
        """The first numbers that wait, at most `count`, and those of the requests that have no result yet."""
        numbers = cast(list[bytes], self._redis.lrange(keys.batch_todo(batch_id), 0, count - 1))
        if not numbers:
            return [], []
        found = cast(list[Any], self._redis.hmget(keys.batch_requests(batch_id), [n.decode() for n in numbers]))
        requests = [_request(int(n), text) for n, text in zip(numbers, found, strict=True) if text is not None]
        return [int(n) for n in numbers], requests

    def launch(
        self, batch_id: str, numbers: Sequence[int], requests: Sequence[tuple[Place, GenerationRequest]]
    ) -> bool:
        """Queue requests and take `numbers`, as `next` gave them, off those that wait, in one MULTI.

        False, and nothing was done, where the batch was canceled or another process was quicker.
        """
        record, todo, flying = keys.batch(batch_id), keys.batch_todo(batch_id), keys.batch_flying(batch_id)
        with self._redis.pipeline() as pipe:
            pipe.watch(record, todo)  # type: ignore[no-untyped-call]
            if cast(bytes | None, pipe.hget(record, "status")) != b"in_progress":
                return False
            waiting = cast(list[bytes], pipe.lrange(todo, 0, len(numbers) - 1))
            if [int(n) for n in waiting] != list(numbers):
                return False
            pipe.multi()
            pipe.ltrim(todo, len(numbers), -1)
            for place, request in requests:
                pipe.hset(flying, request.id, f"{place.number} {place.custom_id}")
                self._queue.enqueue(pipe, request)
            try:
                pipe.execute()
            except WatchError:
                return False
        return True

    def end(self, batch_id: str, place: Place, outcome: Outcome, line: bytes, job_id: str = "") -> None:
        """Write one result; nothing where the request has one."""
        own = [keys.batch(batch_id), keys.batch_requests(batch_id), keys.batch_flying(batch_id)]
        self._end(keys=[*own, keys.batch_results(batch_id)], args=[place.number, outcome, line, job_id])
        if job_id:
            # Nobody reads the answer there any more; the end stays, for a worker that has yet to close RQ's books.
            self._redis.xtrim(keys.events(job_id), maxlen=1, approximate=False)

    def end_waiting(self, batch_id: str, outcome: Outcome, lines: Sequence[tuple[int, bytes]]) -> None:
        """Write results of requests that are in no queue, by their numbers, which then wait no more."""
        own = [keys.batch(batch_id), keys.batch_requests(batch_id), keys.batch_flying(batch_id)]
        with self._redis.pipeline(transaction=False) as pipe:
            for number, line in lines:
                self._end(keys=[*own, keys.batch_results(batch_id)], args=[number, outcome, line, ""], client=pipe)
                # By its value: whoever does the same at the same time must not take away another one.
                pipe.lrem(keys.batch_todo(batch_id), 1, str(number))
            pipe.execute()

    def put_back(self, batch_id: str, job_id: str, place: Place) -> None:
        """That message will never end: its request waits again."""
        self._put_back(keys=[keys.batch_flying(batch_id), keys.batch_todo(batch_id)], args=[job_id, place.number])

    def close(self, batch_id: str, now: float) -> bool:
        """End the batch if every request has its result; True where this call did it."""
        own = [keys.batch(batch_id), keys.batch_requests(batch_id), keys.batch_results(batch_id)]
        rest = [keys.batch_todo(batch_id), keys.batch_flying(batch_id), keys.BATCHES_ACTIVE]
        return bool(self._close(keys=[*own, *rest], args=[batch_id, now, self._result_ttl_s]))


def _place(text: bytes) -> Place:
    number, _, custom_id = text.decode().partition(" ")
    return Place(int(number), custom_id)


def _request(number: int, text: bytes) -> BatchRequest:
    custom_id, _, params = text.partition(b" ")
    return BatchRequest(number, custom_id.decode(), params)
