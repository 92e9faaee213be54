"""Jobs looked up by id: the queue's record and the event log, put together."""

import time
from typing import Any

from api.endings import expire
from api.services import Services
from api.wire import ids, job
from api.wire.message import MessageHead
from queue_config.errors import NotFound
from queue_config.events import Event
from queue_config.job_queue import JobRecord


def find(services: Services, job_id: str, tenant: str | None) -> JobRecord:
    """The record of a job; NotFound where there is none, none any more, or another tenant's.

    Only the service itself looks for jobs of any tenant, which is None.
    """
    record = services.queue.find(job_id) if ids.is_message_id(job_id) else None
    # A request of a batch is its batch's business: its log is cut short once the result is written.
    if record is None or record.lane == "batch" or tenant not in {None, record.tenant}:
        raise NotFound("No job with this id; ended jobs are kept for a limited time.")
    return record


def head_for(services: Services, record: JobRecord) -> MessageHead:
    """What its answer's message states before its first token."""
    return job.head_of(record, services.seal)


def look_up(services: Services, job_id: str, tenant: str | None) -> dict[str, Any]:
    """The job as clients see it. Raises NotFound as `find` does."""
    return view(services, find(services, job_id, tenant))


def view(services: Services, record: JobRecord) -> dict[str, Any]:
    """The same of a record that was found just now. Raises NotFound where it is gone since."""
    if record.status == "queued" and time.time() > record.deadline_at:
        # No worker came for it, and it may be that nobody else is looking.
        expire(services, record.id)
        record = find(services, record.id, record.tenant)
    # After the record: a job that ended in between then shows its end, which a later record could not.
    log: list[Event] = [entry.event for entry in services.log.read(record.id)]
    if record.status == "ended" or job.has_ended(log):
        return job.view(record, log, None, services.seal)
    return job.view(record, log, services.queue.position(record), services.seal)
