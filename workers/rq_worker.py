"""PinnedWorker: RQ's books for many jobs in one process that never forks; what RQ reports of it stays true.

RQ keeps the record, the registries and the retry count. It never runs a function: a job's payload is data, and its
function name only has to match. What a client sees comes from the event log, which is written before these books.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import BaseWorker

from queue_config.connection import Redis, WatchError
from queue_config.events import Canceled, Finished, Terminal
from queue_config.job_queue import TASK
from queue_config.request import GenerationRequest

EXECUTION_TTL_S = 30
WORKER_TTL_S = 60


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
        super().__init__(queues, name, **(ours | options))

    def _set_connection(self, connection: Redis) -> Redis:
        """RQ would raise the reply timeout to a minute for its blocking reads; we make none."""
        return connection

    def subscribe(self) -> None:
        """RQ's command channel stays unread: its reader dies on a time-out, and its stop-job knows one job only.

        Cancels come by queue_config.control, stops by signals.
        """

    def unsubscribe(self) -> None: ...

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002
        return EXECUTION_TTL_S

    # Starting

    def begin(self, job_id: str) -> LiveJob | None:
        """Mark a claimed job as started; None where there is nothing to start (gone, withdrawn, another's).

        May be repeated where a reply was lost half-way.
        """
        job = self._fetch(job_id)
        if job is None:
            return None
        status = job.get_status(refresh=False)
        if status != JobStatus.QUEUED and not (status == JobStatus.STARTED and job.worker_name == self.name):
            return None
        queue = self._queue_of(job)
        execution = self.prepare_execution(job)
        self.prepare_job_execution(job)
        try:
            request = _payload(job)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._fail(job, queue, execution, f"not a request of Pensieve's: {error!r}")
            return None
        return LiveJob(job, queue, execution, request)

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

    def hand_back(self, live: LiveJob) -> None:
        """Put an unfinished job back to the head of its queue, its retries untouched; its log goes on from there."""
        with self.connection.pipeline() as pipe:
            live.execution.delete(live.job, pipe)
            live.job.set_status(JobStatus.QUEUED, pipeline=pipe)
            live.queue.push_job_id(live.job.id, pipeline=pipe, at_front=True)
            pipe.execute()
        self.executions.pop(live.execution.id, None)

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

    # Recovering

    def bury(self, slot: str, give_up: Callable[[str], None]) -> None:
        """Requeue what dead workers of this slot had started; fail what has no attempt left, after `give_up(job id)`.

        The caller holds the slot's lock, so every other worker of the slot is dead. RQ's registries of started jobs are
        what it goes by: a worker's own list of executions expires with its heartbeat.
        """
        for queue in self.queues:
            for job_id, execution_id in queue.started_job_registry.get_job_and_execution_ids(cleanup=False):
                self._take_over(job_id, execution_id, slot, give_up)
        for worker in self.all(connection=self.connection):
            if worker.name != self.name and slot_of(worker.name) == slot:
                worker.register_death()  # type: ignore[no-untyped-call]

    def _take_over(self, job_id: str, execution_id: str, slot: str, give_up: Callable[[str], None]) -> None:
        with self.connection.pipeline() as pipe:
            pipe.watch(Job.key_for(job_id))  # type: ignore[no-untyped-call]
            job = self._fetch(job_id)
            if job is None or not job.worker_name or slot_of(job.worker_name) != slot:
                return
            queue = self._queue_of(job)
            execution = Execution(execution_id, job_id, self.connection, job.worker_name)
            is_abandoned = job.get_status(refresh=False) == JobStatus.STARTED
            if is_abandoned and not job.should_retry:
                give_up(job_id)
                self._fail(job, queue, execution, "its workers died")
                return
            pipe.multi()
            # Always: a stale execution would make RQ's own clean-up requeue a job that runs elsewhere.
            execution.delete(job, pipe)
            if is_abandoned:
                job.retry(queue, pipe)
            with suppress(WatchError):  # another worker was quicker
                pipe.execute()

    def _fetch(self, job_id: str) -> Job | None:
        """The job from whichever queue; RQ's Queue.fetch_job knows those of one queue only."""
        try:
            return Job.fetch(job_id, connection=self.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            return None

    def _queue_of(self, job: Job) -> Queue:
        return next((queue for queue in self.queues if queue.name == job.origin), self.queues[0])


def slot_of(worker_name: str) -> str:
    """A worker's name is its slot, a dot, and what tells its processes apart."""
    return worker_name.partition(".")[0]


def _payload(job: Job) -> GenerationRequest:
    if job.func_name != TASK:
        raise ValueError(f"function {job.func_name!r}")
    (text,) = cast(tuple[Any, ...], job.args)
    return GenerationRequest.from_json(text)
