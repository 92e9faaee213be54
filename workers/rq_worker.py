"""PinnedWorker: RQ's books for many jobs in one process that never forks; what RQ reports of it stays true.

RQ keeps the record, the registries and the retry count. It never runs a function: a job's payload is data, and its
function name only has to match. What a client sees comes from the event log, which is written before these books.
"""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.logutils import setup_loghandlers
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import BaseWorker, WorkerStatus

from queue_config import keys
from queue_config.admission import Charges
from queue_config.connection import Pipeline, Redis
from queue_config.events import Canceled, Failed, Finished, Terminal
from queue_config.job_queue import Unreadable, fetch, payload
from queue_config.request import GenerationRequest
from queue_config.unreadable import end_unreadable

EXECUTION_TTL_S = 7 * 86_400
"""Longer than any request lives: RQ's own clean-up, which anybody's `rq info` starts, requeues or fails what has
expired without a word in the request's log, and two at once requeue it twice. The dead are the reaper's business."""
WORKER_TTL_S = 60

T = TypeVar("T")

log = logging.getLogger(__name__)


def generate(_request: str) -> None:
    """The function that RQ's records name; only a PinnedWorker serves them, and it doesn't call this."""
    raise RuntimeError("this queue is served by `python -m workers`, not by `rq worker`")


class NoDeathPenalty(BaseDeathPenalty):
    """RQ's SIGALRM knows one job at a time; deadlines are the engine loop's."""

    def setup_death_penalty(self) -> None: ...
    def cancel_death_penalty(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job that this worker has started."""

    job: Job
    queue: Queue
    execution: Execution
    request: GenerationRequest


class PinnedWorker(BaseWorker):
    death_penalty_class = NoDeathPenalty

    def __init__(self, queues: list[str], name: str | None = None, **options: Any) -> None:
        # RQ makes workers of this class too, when it lists them; it passes options of its own.
        ours: dict[str, Any] = {"serializer": JSONSerializer, "worker_ttl": WORKER_TTL_S, "log_job_description": False}
        is_at_work = options.pop("prepare_for_work", True)
        # Prepared by RQ it would ask Redis for its own address, and Redis may not be there yet.
        super().__init__(queues, name, prepare_for_work=False, **(ours | options))
        if is_at_work:
            self.hostname, self.pid = socket.gethostname(), os.getpid()

    def _set_connection(self, connection: Redis) -> Redis:
        """RQ would raise the reply timeout to a minute for its blocking reads; we make none."""
        return connection

    def subscribe(self) -> None:
        """RQ's command channel stays unread: its reader dies on a time-out, and its stop-job knows one job only.

        Cancels come by queue_config.control, stops by signals.
        """

    def unsubscribe(self) -> None: ...

    # Starting

    def begin(self, job_id: str) -> LiveJob | None:
        """Turn a claim into a started job, in one MULTI; None where there is nothing to start (gone, another's).

        May be repeated where a reply was lost half-way, and is where the MULTI's own was.
        """

        def start(pipe: Pipeline) -> LiveJob | None:
            is_claimed = pipe.lpos(keys.claims(self.name), job_id) is not None
            wanted = JobStatus.QUEUED if is_claimed else JobStatus.STARTED
            try:
                job = fetch(self.connection, job_id)
                if job is None or job.get_status(refresh=False) != wanted:
                    return None
                request = payload(job)
            except Unreadable as error:
                self._drop_unreadable(job_id, error)
                return None
            execution = self._start(job, pipe) if is_claimed else self._execution_of(job)
            return None if execution is None else LiveJob(job, self._queue_of(job), execution, request)

        # Whoever buries this worker empties the list first; then nothing can be started any more.
        live = self._watching(keys.claims(self.name), start)
        if live is not None:
            self.executions[live.execution.id] = live.execution
        return live

    def _start(self, job: Job, pipe: Pipeline) -> Execution:
        pipe.multi()
        execution = Execution.create(job, EXECUTION_TTL_S, pipe, worker_name=self.name)
        job.prepare_for_execution(self.name, pipe)
        pipe.persist(job.key)
        pipe.lrem(keys.claims(self.name), 0, job.id)
        self.set_state(WorkerStatus.BUSY, pipe)
        return execution

    def _watching(self, key: str, change: Callable[[Pipeline], T]) -> T:
        """What `change` returns, once what it has queued was done in one MULTI while nobody else touched the key.

        It is called again where somebody did, and where the connection broke, after which the MULTI may have been done.
        """
        return cast(T, self.connection.transaction(change, key, value_from_callable=True))  # type: ignore[arg-type]

    def _drop_unreadable(self, job_id: str, error: Unreadable) -> None:
        if end_unreadable(self.connection, job_id, self.name, result_ttl_s=self.default_result_ttl):
            log.error("a record in the queue is no request of ours", extra={"job": job_id, "error": str(error)})

    def is_on_last_attempt(self, job_id: str) -> bool:
        return cast(bytes | None, self.connection.hget(Job.key_for(job_id), "retries_left")) == b"0"

    def _execution_of(self, job: Job) -> Execution | None:
        """Of a job that this worker has started, without hearing that it did."""
        if job.worker_name != self.name:
            return None
        for member in cast(set[bytes], self.connection.smembers(self.executions_key)):
            job_id, _, execution_id = member.decode().rpartition(":")
            if job_id == job.id:
                return Execution(execution_id, job_id, self.connection, self.name)
        return None

    # Ending

    def settle(self, live: LiveJob, terminal: Terminal) -> None:
        """Close RQ's books on a job whose last event is logged."""
        job = live.job
        job.ended_at = now()
        if job.get_status() != JobStatus.STARTED:
            self.executions.pop(live.execution.id, None)
        elif isinstance(terminal, Finished):
            # RQ takes the return value from here; the answer itself stays in the event log.
            job._result = terminal.reason  # noqa: SLF001
            self.handle_job_success(job, live.queue, live.queue.started_job_registry, live.execution)
        else:
            if isinstance(terminal, Canceled):
                self._stopped_job_id = job.id
            self._fail(job, live.queue, live.execution, type(terminal).__name__.lower())
        with self.connection.pipeline(transaction=False) as pipe:
            pipe.zrem(keys.DEADLINES, job.id)
            pipe.delete(keys.canceled(job.id))
            # Batches have bounds of their own.
            if live.request.lane != "batch" and not isinstance(terminal, Failed):
                Charges(self.connection).charge(live.request.salt, output_tokens=terminal.output_tokens, pipe=pipe)
            pipe.execute()

    def hand_back(self, live: LiveJob) -> bool:
        """Put an unfinished job back to the head of its queue, its retries untouched; its log goes on from there.

        False where it is ours no more.
        """
        self.executions.pop(live.execution.id, None)

        def requeue(pipe: Pipeline) -> bool:
            status, owner = cast(list[Any], pipe.hmget(live.job.key, "status", "worker_name"))
            if (status, owner) != (JobStatus.STARTED.encode(), self.name.encode()):
                return False
            pipe.multi()
            live.execution.delete(live.job, pipe)
            live.job.set_status(JobStatus.QUEUED, pipeline=pipe)
            live.queue.push_job_id(live.job.id, pipeline=pipe, at_front=True)
            pipe.publish(keys.CONTROL, b"wake")
            return True

        return self._watching(live.job.key, requeue)

    def forget(self, live: LiveJob) -> None:
        """Another worker has the job; only our own execution entry goes."""
        with self.connection.pipeline() as pipe:
            live.execution.delete(live.job, pipe)
            pipe.execute()
        self.executions.pop(live.execution.id, None)

    def _fail(self, job: Job, queue: Queue, execution: Execution, reason: str) -> None:
        job.retries_left = 0
        job.ended_at = now()
        self.handle_job_failure(job, queue, exc_string=reason, execution=execution)
        if job.get_status() == JobStatus.STARTED:
            # RQ logs a lost connection here and returns as if all were well.
            raise ConnectionError("the failure was not recorded")

    # Living

    def beat(self, lives: list[LiveJob]) -> None:
        """Renew RQ's proofs of life for the worker and all its jobs, in one round trip."""
        with self.connection.pipeline(transaction=False) as pipe:
            self.heartbeat(pipeline=pipe)
            for live in lives:
                live.execution.heartbeat(live.queue.started_job_registry, EXECUTION_TTL_S, pipe)
                live.job.heartbeat(now(), 0, pipe)
            pipe.execute()

    def come_up(self) -> None:
        """RQ's bootstrap, but that it may be repeated after a lost reply."""
        setup_loghandlers("WARNING", name="rq.worker")
        setup_loghandlers("WARNING", name="rq.job")
        self.born_again()
        self.set_state(WorkerStatus.STARTED)

    def born_again(self) -> None:
        """RQ has been told that this worker is dead, and it isn't."""
        self.executions.clear()
        self.connection.delete(self.key)
        self.register_birth()  # type: ignore[no-untyped-call]

    def _queue_of(self, job: Job) -> Queue:
        return next((queue for queue in self.queues if queue.name == job.origin), self.queues[0])


def slot_of(worker_name: str) -> str:
    """A worker's name is its slot, a dot, and what tells its processes apart."""
    return worker_name.partition(".")[0]
