"""assemble: the parts of a worker process, put together around an engine."""

import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection

from queue_config.claims import Claims
from queue_config.connection import PULSE, Redis, connect
from queue_config.control import Control, listen
from queue_config.counts import STARTED, Count, Counts
from queue_config.deadlines import Deadlines
from queue_config.event_log import EventLog
from queue_config.job_queue import JobQueue
from queue_config.lease import ANY_PROMPTS, Leases, Prompting, WorkerStatus
from queue_config.made_once import made_once
from queue_config.reaper import Reaper
from queue_config.reaper_thread import reaper_thread
from queue_config.redis_watch import redis_watch
from queue_config.report import WorkerReport, write
from queue_config.request import FORMAT, GenerationRequest, understood
from queue_config.settings import Settings
from queue_config.tracing import Tracing
from workers.attempts import Attempts
from workers.books import Books
from workers.constraint import Constraint
from workers.engine import Engine
from workers.generation import Cancel, Drop, Tell
from workers.intake import Intake
from workers.loop import EngineLoop
from workers.output import OutputText
from workers.pace import Pace
from workers.process import WorkerProcess
from workers.publisher import Publisher
from workers.pulse import Pulse
from workers.report import Identity, Reporter, reporter_thread
from workers.report_answers import AnswerWatch
from workers.report_latency import Latencies
from workers.report_traces import Traces
from workers.rq_worker import PinnedWorker, slot_of
from workers.scheduler import Scheduler
from workers.standing import Standing


def slot_id(settings: Settings) -> str:
    """A name for this device under this home on this machine; holds no dot, which ends it in a worker's name.

    Machines may have the same name and the same paths, so there is something in it that each home makes for itself.
    """
    node = made_once(settings.home / "node", lambda: secrets.token_bytes(16))
    home = hashlib.sha256(str(settings.home).encode() + node).hexdigest()[:8]
    return f"{socket.gethostname()}-{home}-{settings.slot}".replace(".", "-")


def chunk_sizes(settings: Settings, engine: Engine) -> list[int]:
    """What the engine offers, up to the setting where there is one."""
    largest = settings.prefill_chunk or engine.prefill_chunk
    return [*(size for size in engine.chunk_sizes if size < largest), largest]


def batch_slots(max_batch: int) -> int:
    """How many of the batch's places message batches may have: all but a quarter."""
    return max(1, max_batch - max_batch // 4)


def assemble(
    settings: Settings,
    model: str,
    engine: Engine,
    new_output: Callable[[GenerationRequest], OutputText],
    new_constraint: Callable[[GenerationRequest], Constraint | None] = lambda _request: None,
    prompting: Prompting = ANY_PROMPTS,
) -> WorkerProcess:
    """Nothing is started. `new_output` makes the end of one answer that reads its tokens, `new_constraint` what they
    may be."""
    slot = slot_id(settings)
    redis = connect(settings.redis_url)
    job_queue = JobQueue(redis, model, max_waiting=settings.waiting_limit, result_ttl_s=settings.result_ttl_s)
    event_log = EventLog(redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
    # The pulse has connections of its own: it waits for nobody, and finds a dead one before the lease runs out.
    quick = connect(settings.redis_url, PULSE)
    leases = Leases(quick)
    slots = threading.Semaphore(settings.max_batch)

    # The parts call each other; each learns of the others through these, which are looked up when called.
    def status() -> WorkerStatus:
        return WorkerStatus(
            name=worker.name,
            model=model,
            device=engine.device,
            pid=os.getpid(),
            waiting=loop.waiting,
            running=loop.running,
            slots=settings.max_batch,
            engine_age_s=round(time.monotonic() - loop.last_turn_at, 3),
            draining=process.is_draining,
            refused=publisher.refused,
            context_tokens=prompting.context_tokens,
            fingerprint=prompting.fingerprint,
            format=FORMAT,
        )

    def fenced(job_id: str) -> None:
        loop.inbox.put(Drop(job_id))
        books.fenced(job_id)

    def cancel(job_id: str) -> None:
        loop.inbox.put(Cancel(job_id))

    name = f"{slot}.{os.getpid()}-{int(time.time())}"
    worker = PinnedWorker(job_queue.queue_names, name=name, connection=redis, default_result_ttl=settings.result_ttl_s)
    standing = Standing(leases, status)
    reaper = Reaper(redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
    books = Books(
        worker,
        # There may be a place now for a request of a batch, which has waited in its queue and sends no word again.
        on_freed=lambda: intake.wake(),  # noqa: PLW0108 - it is made below
        clear=lambda job_ids, done: _clear(loop, publisher, watch, job_ids, done),
    )
    latencies, watch = _watchers(settings)
    publisher = Publisher(event_log, books.ended, fenced, watch)
    scheduler = Scheduler.of(engine, settings.max_batch, Pace(chunk_sizes(settings, engine)))
    loop = EngineLoop(engine, scheduler, publisher.emit, lambda _job_id: slots.release())
    submit = watch.told_of(loop.inbox.put)
    attempts = Attempts(event_log, publisher, submit, books.ended, new_output, new_constraint)
    claims = Claims(redis, name, job_queue.queue_keys, understood(prompting.fingerprint))
    intake = Intake(standing, claims, books, attempts, slots, batch_slots(settings.max_batch))
    pulse = Pulse(standing, worker, books, Control(quick), cancel=cancel, on_lost=intake.wake)
    ear = listen(settings.redis_url, on_wake=intake.wake, on_cancel=cancel)
    process = WorkerProcess(
        worker=worker,
        loop=loop,
        publisher=publisher,
        books=books,
        intake=intake,
        ear=ear,
        standing=standing,
        quick=quick,
        pulse=pulse,
        reaper=reaper_thread(reaper, Deadlines(redis, event_log, result_ttl_s=settings.result_ttl_s)),
        reporter=reporter_thread(
            Reporter(
                Identity(name, slot, model, os.getpid(), settings.max_batch, time.time()),
                engine,
                view=lambda: loop.observer.view,
                latencies=latencies,
                state=lambda: (process.is_draining, publisher.refused),
                write=_told_to(redis),
            )
        ),
        redis_watch=redis_watch(redis),
        recover=lambda: _take_over(slot, leases, reaper),
        drain_s=settings.drain_s,
        hang_s=settings.hang_s,
    )
    return process


def _clear(
    loop: EngineLoop, publisher: Publisher, watch: AnswerWatch, job_ids: Collection[str], done: Callable[[], None]
) -> None:
    """Have the engine forget them, then the publisher what the engine said until then."""
    for job_id in job_ids:
        watch.forget(job_id)
        loop.inbox.put(Drop(job_id))
    loop.inbox.put(Tell(lambda: publisher.forget_all(done)))


def _watchers(settings: Settings) -> tuple[Latencies, AnswerWatch]:
    latencies, tracing = Latencies(), Tracing.of(settings, "worker")
    return latencies, AnswerWatch(latencies) if tracing is None else AnswerWatch(latencies, Traces(tracing))


def _told_to(redis: Redis) -> Callable[[WorkerReport], None]:
    """How reports are written; with the first one the worker counts as started."""
    counts = Counts(redis)
    counts.add(Count(STARTED, ("worker",)))

    def tell(report: WorkerReport) -> None:
        counts.flush()
        write(redis, report)

    return tell


def _take_over(slot: str, leases: Leases, reaper: Reaper) -> None:
    """We hold the slot's lock, so whoever had it is dead, whatever its lease says."""
    dead = [name for name in leases.names() if slot_of(name) == slot]
    for name in dead:
        leases.end(name)
    reaper.bury(dead)
