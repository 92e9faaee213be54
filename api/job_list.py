"""A tenant's jobs in pages, newest first; requests of batches are not among them."""

from typing import Any

from api.caller import caller
from api.services import Services
from api.wire import job
from queue_config import keys
from queue_config.listing import Cursor

CHUNK = 100

Jobs = list[dict[str, Any]]


def page(services: Services, cursor: Cursor, limit: int, status: job.Status | None) -> tuple[Jobs, bool]:
    """Up to `limit` jobs, of one status where it is given, and whether there are more beyond them.

    Raises InvalidRequest for a cursor that is no job's, or none's any more.
    """
    index = keys.jobs(caller().tenant)
    found: Jobs = []
    while True:
        # One more than is wanted, at most, is looked for: it tells whether there are more.
        part = services.listing.page(index, cursor, CHUNK if status else limit + 1 - len(found))
        jobs, gone = _read(services, part.ids)
        matching = [shown for shown in jobs if status in {None, shown["status"]}]
        found = matching + found if cursor.before else found + matching
        if len(found) > limit or not part.has_more:
            break
        cursor = Cursor(before=part.ids[0]) if cursor.before else Cursor(after=part.ids[-1])
        services.listing.drop(index, [job_id for job_id in gone if job_id not in cursor])
    return found[-limit:] if cursor.before else found[:limit], len(found) > limit


def _read(services: Services, job_ids: list[str]) -> tuple[Jobs, list[str]]:
    """The jobs, and the ids of those that have been forgotten."""
    records = services.queue.find_all(job_ids)
    endings = services.log.endings(records)
    jobs = [job.summary(records[job_id], endings.get(job_id)) for job_id in job_ids if job_id in records]
    return jobs, [job_id for job_id in job_ids if job_id not in records]
