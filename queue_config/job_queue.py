"""JobQueue: accept, look up and withdraw requests; RQ keeps the records and the queues."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson
from redis import Redis
from redis.commands.core import Script
from rq import Queue, Retry
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from queue_config import events, keys
from queue_config.errors import Overloaded
from queue_config.request import LANES, GenerationRequest, Lane

TASK = "workers.rq_worker.generate"
"""The only function name that a worker accepts; it is compared, never imported."""
ATTEMPTS = 3
_FOREVER = -1

# KEYS: job record, event stream, then the queues. ARGV: job id, channel, terminal event, ttl, now (ISO).
_WITHDRAW = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown' end
for i = 3, #KEYS do
  if redis.call('LREM', KEYS[i], 1, ARGV[1]) > 0 then
    local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    local attempt, seq = '0', '0'
    if last then attempt, seq = string.match(last[1], '^(%d+)-(%d+)$') end
    local id = attempt .. '-' .. string.format('%d', tonumber(seq) + 1)
    redis.call('XADD', KEYS[2], id, 'e', ARGV[3])
    redis.call('EXPIRE', KEYS[2], ARGV[4])
    redis.call('HSET', KEYS[1], 'status', 'canceled', 'ended_at', ARGV[5])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
    redis.call('PUBLISH', ARGV[2], table.concat({ARGV[1], id, ARGV[3]}, '\\0'))
    return 'withdrawn'
  end
end
return 'taken'
"""

Withdrawal = Literal["unknown", "withdrawn", "taken"]
RecordStatus = Literal["queued", "running", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What the queue knows of a request without reading its prompt; how it ended stands in its event log."""

    id: str
    model: str
    lane: Lane
    input_tokens: int
    created_at: float
    """Unix seconds."""
    deadline_at: float
    status: RecordStatus


class JobQueue:
    def __init__(self, redis: Redis, model: str, *, max_waiting: int, result_ttl_s: int) -> None:
        self._redis = redis
        self._max_waiting = max_waiting
        self._result_ttl_s = result_ttl_s
        self._queues = {
            lane: Queue(keys.queue(model, lane), connection=redis, serializer=JSONSerializer) for lane in LANES
        }
        self._withdraw: Script = redis.register_script(_WITHDRAW)

    @property
    def queue_names(self) -> list[str]:
        """RQ's names of the queues, in the order in which a worker takes from them."""
        return [queue.name for queue in self._queues.values()]

    @property
    def queue_keys(self) -> list[str]:
        """The Redis lists behind them."""
        return [queue.key for queue in self._queues.values()]

    def accept(self, request: GenerationRequest) -> None:
        """Make the request durable: its record and its place in the queue, in one MULTI; then workers are woken.

        Raises Overloaded where too many wait. After a RedisError the outcome is unknown.
        """
        if self.waiting() >= self._max_waiting:
            raise Overloaded("Too many requests are waiting; try again soon.")
        meta = {
            "model": request.model,
            "lane": request.lane,
            "input_tokens": len(request.prompt),
            "created_at": request.created_at,
            "deadline_at": request.deadline_at,
        }
        with self._redis.pipeline() as pipe:
            self._queues[request.lane].enqueue_call(
                TASK,
                args=(request.to_json(),),
                job_id=request.id,
                # RQ's own description would hold the prompt.
                description=f"{request.model}, {len(request.prompt)} tokens",
                meta=meta,
                timeout=_FOREVER,
                result_ttl=self._result_ttl_s,
                failure_ttl=self._result_ttl_s,
                retry=Retry(max=ATTEMPTS - 1, enqueue_at_front=True),
                pipeline=pipe,
            )
            pipe.publish(keys.CONTROL, b"wake")
            pipe.execute()

    def waiting(self) -> int:
        with self._redis.pipeline(transaction=False) as pipe:
            for key in self.queue_keys:
                pipe.llen(key)
            return sum(pipe.execute())

    def find(self, job_id: str) -> JobRecord | None:
        status, meta = cast(list[Any], self._redis.hmget(Job.key_for(job_id), "status", "meta"))
        if status is None or meta is None:
            return None
        return JobRecord(id=job_id, status=_STATUS.get(status.decode(), "ended"), **orjson.loads(meta))

    def position(self, record: JobRecord) -> int | None:
        """How many requests will be taken before this one; None where it doesn't wait."""
        ahead = 0
        for lane, queue in self._queues.items():
            if lane == record.lane:
                place = cast(int | None, self._redis.lpos(queue.key, record.id))
                return None if place is None else ahead + place
            ahead += self._redis.llen(queue.key)
        return None

    def withdraw(self, job_id: str, ended: events.Terminal, now: str) -> Withdrawal:
        """Take a request out of its queue and end it, atomically; 'taken' where a worker has it or it has ended.

        `now` is ISO 8601, as RQ writes times.
        """
        reply = self._withdraw(
            keys=[Job.key_for(job_id), keys.events(job_id), *self.queue_keys],
            args=[job_id, keys.LIVE, events.dump(ended), self._result_ttl_s, now],
        )
        return cast(Withdrawal, cast(bytes, reply).decode())


_STATUS: dict[str, RecordStatus] = {JobStatus.QUEUED.value: "queued", JobStatus.STARTED.value: "running"}
