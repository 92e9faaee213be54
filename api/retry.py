"""Retry: a job that ended without an answer is accepted once more, as another one."""

import time
from dataclasses import replace

from api.deadline import deadline_s
from api.job_lookup import find, view
from api.services import Services
from api.submission import accept
from api.wire import ids
from queue_config.errors import InvalidRequest, NotFound

_FAILED = frozenset({"errored", "canceled", "expired"})


def retry(services: Services, job_id: str, tenant: str) -> str:
    """The new job's id. Raises NotFound, InvalidRequest where there is nothing to retry, or Overloaded."""
    record = find(services, job_id, tenant)
    status = view(services, record)["status"]
    if status not in _FAILED:
        raise InvalidRequest(f"Job {job_id} is {status}; only jobs that ended without an answer can be tried again.")
    request = services.queue.request_of(record)
    if request is None:
        raise NotFound("The job's request is no longer kept.")
    services.models.require_worker(services.models.named(request.model))
    now = time.time()
    fresh = replace(request, id=ids.new_message_id(), created_at=now, deadline_at=now + deadline_s(services.settings))
    return accept(services, fresh).id
