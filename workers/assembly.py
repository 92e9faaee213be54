"""assemble: the parts of a worker process, put together around an engine."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable

from queue_config.claims import Claims
from queue_config.connection import connect
from queue_config.control import Control, listen
from queue_config.event_log import EventLog
from queue_config.job_queue import JobQueue
from queue_config.lease import Leases, WorkerStatus
from queue_config.request import GenerationRequest
from queue_config.settings import Settings
from workers.attempts import Attempts
from workers.books import Books
from workers.engine import Engine
from workers.generation import Cancel, Drop
from workers.intake import Intake
from workers.loop import EngineLoop
from workers.output import OutputText
from workers.pace import Pace
from workers.process import WorkerProcess
from workers.publisher import Publisher
from workers.rq_worker import PinnedWorker, slot_of
from workers.scheduler import Scheduler


def slot_id(settings: Settings) -> str:
    """A name for this device under this home on this machine; holds no dot, which ends it in a worker's name."""
    home = hashlib.sha256(str(settings.home).encode()).hexdigest()[:6]
    return f"{socket.gethostname()}-{home}-{settings.slot}".replace(".", "-")


def chunk_sizes(settings: Settings, engine: Engine) -> list[int]:
    """What the engine offers, up to the setting where there is one."""
    largest = settings.prefill_chunk or engine.prefill_chunk
    return [*(size for size in engine.chunk_sizes if size < largest), largest]


def assemble(
    settings: Settings, model: str, engine: Engine, new_output: Callable[[GenerationRequest], OutputText]
) -> WorkerProcess:
    """Nothing is started. `new_output` makes the detokenising end of one answer."""
    slot = slot_id(settings)
    redis = connect(settings.redis_url)
    job_queue = JobQueue(redis, model, max_waiting=settings.max_waiting, result_ttl_s=settings.result_ttl_s)
    event_log = EventLog(redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
    control = Control(redis)
    leases = Leases(redis)
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
        )

    def fenced(job_id: str) -> None:
        loop.inbox.put(Drop(job_id))
        books.fenced(job_id)

    def recover() -> None:
        for dead in leases.live():
            if slot_of(dead.name) == slot:
                leases.end(dead.name)
        worker.bury(slot, attempts.give_up)

    def cancel(job_id: str) -> None:
        loop.inbox.put(Cancel(job_id))

    name = f"{slot}.{os.getpid()}-{int(time.time())}"
    worker = PinnedWorker(job_queue.queue_names, name=name, connection=redis)
    books = Books(
        worker,
        control,
        renew_lease=lambda: leases.renew(status()),
        end_lease=lambda: leases.end(worker.name),
        cancel=cancel,
    )
    publisher = Publisher(event_log, books.ended, fenced)
    scheduler = Scheduler(settings.max_batch, Pace(chunk_sizes(settings, engine)), engine.kv)
    loop = EngineLoop(engine, scheduler, publisher.emit, lambda _job_id: slots.release())
    attempts = Attempts(event_log, control, publisher, loop.inbox.put, new_output)
    intake = Intake(Claims(redis, slot, job_queue.queue_keys), books, attempts, slots)
    ear = listen(settings.redis_url, on_wake=intake.wake, on_cancel=cancel)
    process = WorkerProcess(
        worker=worker,
        loop=loop,
        publisher=publisher,
        books=books,
        intake=intake,
        ear=ear,
        recover=recover,
        drain_s=settings.drain_s,
    )
    return process
