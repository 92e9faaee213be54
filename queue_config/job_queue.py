"""JobQueue: accept, look up and withdraw requests; RQ keeps the records and the queues."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

import orjson
from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script
from rq import Queue, Retry
from rq.exceptions import DeserializationError, NoSuchJobError, TimeoutFormatError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from queue_config import events, keys, rq_keys
from queue_config.admission import Charges
from queue_config.errors import Overloaded
from queue_config.fair_order import FairOrder
from queue_config.idempotency import Claim, accept_once, holder
from queue_config.log_script import PRELUDE
from queue_config.request import LANES, GenerationRequest, Lane
from queue_config.room import Room
from queue_config.webhook_store import register

TASK = "workers.rq_worker.generate"
"""The only function name that a worker accepts; it is compared, never imported."""
ATTEMPTS = 3
_FOREVER = -1
_BYTES_PER_TOKEN = 8
"""What a prompt takes in Redis, about."""
_BYTES_TO_END = 10_000
"""What a request takes beside its prompt until it has ended, about: its event log and RQ's result, a stream each."""
_MARGIN_S = 60
"""How long after its deadline a request may still end."""

_INDEX_SLACK_S = 86_400
"""How much longer than its last request a tenant's list is kept, in which others may live longer than that one."""

# KEYS: job record, event stream, its queue, deadlines. ARGV: job id, channel, terminal event, ttl, now (ISO).
_WITHDRAW = (
    PRELUDE
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown' end
if redis.call('LREM', KEYS[3], 1, ARGV[1]) == 0 then return 'taken' end
local _, attempt, seq = last_of(KEYS[2])
log(KEYS[2], ARGV[2], ARGV[1], attempt, seq + 1, ARGV[3], ARGV[4])
redis.call('HSET', KEYS[1], 'status', 'canceled', 'ended_at', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[4], ARGV[1])
return 'withdrawn'
"""
)

_WRONG = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError),
    *(DeserializationError, TimeoutFormatError),
)
"""What RQ and we raise over a record in which somebody else has written; never what Redis itself raises."""

Withdrawal = Literal["unknown", "withdrawn", "taken"]
RecordStatus = Literal["queued", "running", "ended"]


class Unreadable(Exception):
    """A record that holds no request of ours. Its text says nothing of what is in there, which may be a prompt."""


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
    manner: tuple[str, ...] = ()
    """As in the request."""
    tenant: str = ""
    """Whose it is: nobody else may see it."""

    @classmethod
    def of(cls, request: GenerationRequest) -> Self:
        """The record of a request that was accepted just now."""
        return cls(id=request.id, status="queued", **_meta(request))


class JobQueue:
    """All models' queues. `model` is the one that is meant where nothing else says which."""

    def __init__(self, redis: Redis, model: str, *, max_waiting: int, result_ttl_s: int) -> None:
        self._redis = redis
        self._model = model
        self._max_waiting = max_waiting
        self._result_ttl_s = result_ttl_s
        self._withdraw: Script = redis.register_script(_WITHDRAW)
        self._order = FairOrder(redis)
        self._charges = Charges(redis)
        self.room = Room(redis)
        """In Redis itself."""

    @property
    def queue_names(self) -> list[str]:
        """RQ's names of the model's queues, in the order in which a worker takes from them."""
        return [keys.queue(self._model, lane) for lane in LANES]

    @property
    def queue_keys(self) -> list[str]:
        """The Redis lists behind them."""
        return [rq_keys.queue(name) for name in self.queue_names]

    @property
    def open_queue_keys(self) -> list[str]:
        """Those whose length is bounded: all but that of batches."""
        return [rq_keys.queue(keys.queue(self._model, lane)) for lane in LANES if lane != "batch"]

    def accept(self, request: GenerationRequest, *, claim: Claim | None = None, webhook: str = "") -> str:
        """Make the request durable: its record and its place in the queue, in one MULTI; then workers are woken.

        Returns its id, or the id of what was accepted before under the same claim. `webhook` is the URL to tell of its
        end. Raises Overloaded where too many wait or Redis is too full, and Conflict for a claim on something else.
        After a RedisError the outcome is unknown.
        """
        self.room.check(_BYTES_PER_TOKEN * len(request.prompt))
        waiting = self.waiting(request.model)
        if waiting >= self._max_waiting:
            raise Overloaded("Too many requests are waiting; try again soon.")
        self.room.check_promised(_BYTES_TO_END * (waiting + 1))
        kept_s = request.deadline_at - request.created_at + self._result_ttl_s + _MARGIN_S

        def add(pipe: Pipeline) -> None:
            self.enqueue(pipe, request)
            index = keys.jobs(request.salt)
            pipe.zadd(index, {request.id: request.created_at})
            # Whatever is older than that has ended, and its record has gone.
            pipe.zremrangebyscore(index, "-inf", request.created_at - kept_s)
            pipe.expire(index, round(kept_s) + _INDEX_SLACK_S)
            self._charges.charge(request.salt, input_tokens=len(request.prompt), pipe=pipe)
            if webhook:
                register(pipe, request.id, webhook, request.deadline_at)

        return accept_once(self._redis, request.id, claim, add, record_key=Job.key_for, ttl_s=round(kept_s))

    def claimed(self, claim: Claim) -> str | None:
        """The id that was accepted under this claim, if it is still known. Raises Conflict as `accept` does."""
        return holder(self._redis, claim, Job.key_for)

    def enqueue(self, pipe: Pipeline, request: GenerationRequest) -> None:
        """Queue, in a MULTI of the caller's, all that makes the request durable and wakes workers."""
        queue = Queue(keys.queue(request.model, request.lane), connection=self._redis, serializer=JSONSerializer)
        queue.enqueue_call(
            TASK,
            args=(request.to_json(),),
            job_id=request.id,
            # RQ's own description would hold the prompt.
            description=f"{request.model}, {len(request.prompt)} tokens",
            meta=_meta(request),
            timeout=_FOREVER,
            result_ttl=self._result_ttl_s,
            failure_ttl=self._result_ttl_s,
            retry=Retry(max=ATTEMPTS - 1, enqueue_at_front=True),
            pipeline=pipe,
        )
        pipe.hset(Job.key_for(request.id), "needs", request.needs)
        self._order.place(pipe, queue.key, request.id, request.salt)
        pipe.zadd(keys.DEADLINES, {request.id: request.deadline_at})
        pipe.publish(keys.CONTROL, b"wake")

    def waiting(self, model: str = "") -> int:
        """How many wait in a model's queues, those of batches left out: they have a bound of their own."""
        with self._redis.pipeline(transaction=False) as pipe:
            for lane in LANES:
                if lane != "batch":
                    pipe.llen(rq_keys.queue(keys.queue(model or self._model, lane)))
            return sum(pipe.execute())

    def find(self, job_id: str) -> JobRecord | None:
        return self.find_all([job_id]).get(job_id)

    def find_all(self, job_ids: Iterable[str]) -> dict[str, JobRecord]:
        """The records of those among them that have one which can be read."""
        asked = list(job_ids)
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in asked:
                pipe.hmget(Job.key_for(job_id), "status", "meta")
            rows = pipe.execute()
        found = (_record(job_id, *row) for job_id, row in zip(asked, rows, strict=True))
        return {record.id: record for record in found if record is not None}

    def request_of(self, record: JobRecord) -> GenerationRequest | None:
        """What was accepted, prompt and all; None where it is no longer kept, or can't be read."""
        try:
            job = fetch(self._redis, record.id)
            return payload(job) if job else None
        except Unreadable:
            return None

    def position(self, record: JobRecord) -> int | None:
        """How many requests will be taken before this one; None where it doesn't wait."""
        ahead = 0
        for lane in LANES:
            queue_key = rq_keys.queue(keys.queue(record.model, lane))
            if lane == record.lane:
                place = cast(int | None, self._redis.lpos(queue_key, record.id))
                return None if place is None else ahead + place
            ahead += self._redis.llen(queue_key)
        return None

    def withdraw(self, job_id: str, ended: events.Terminal, now: str) -> Withdrawal:
        """Take a request out of its queue and end it, atomically; 'taken' where a worker has it or it has ended.

        `now` is ISO 8601, as RQ writes times.
        """
        record_key = Job.key_for(job_id)
        origin = cast(bytes | None, self._redis.hget(record_key, "origin"))
        if origin is None:
            return "unknown"
        reply = self._withdraw(
            keys=[record_key, keys.events(job_id), rq_keys.queue(origin.decode()), keys.DEADLINES],
            args=[job_id, keys.LIVE, events.dump(ended), self._result_ttl_s, now],
        )
        return cast(Withdrawal, cast(bytes, reply).decode())


def _meta(request: GenerationRequest) -> dict[str, Any]:
    """What polling reads, without the prompt."""
    return {
        "model": request.model,
        "lane": request.lane,
        "input_tokens": len(request.prompt),
        "created_at": request.created_at,
        "deadline_at": request.deadline_at,
        "manner": request.manner,
        "tenant": request.salt,
    }


def _record(job_id: str, status: bytes | None, meta: bytes | None) -> JobRecord | None:
    if status is None or meta is None:
        return None
    try:
        told = orjson.loads(meta)
        return JobRecord(id=job_id, status=_STATUS.get(status, "ended"), **told | {"manner": tuple(told["manner"])})
    except _WRONG:
        return None


_STATUS: dict[bytes, RecordStatus] = {
    JobStatus.QUEUED.value.encode(): "queued",
    JobStatus.STARTED.value.encode(): "running",
}


def fetch(redis: Redis, job_id: str) -> Job | None:
    """RQ's record, from whichever queue; RQ's Queue.fetch_job knows those of one queue only. Raises Unreadable."""
    try:
        return Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
    except NoSuchJobError:
        return None
    except _WRONG as error:
        raise Unreadable(type(error).__name__) from error


def payload(job: Job) -> GenerationRequest:
    """What was accepted. Raises Unreadable."""
    try:
        if job.func_name != TASK:
            raise Unreadable("another function")
        (text,) = cast(tuple[Any, ...], job.args)
        return GenerationRequest.from_json(text)
    except _WRONG as error:
        raise Unreadable(type(error).__name__) from error
