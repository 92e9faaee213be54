"""Ends that the API brings about: a request is cancelled, abandoned by its client, or past its deadline."""

import logging
import threading
import time

from api.services import Services
from queue_config.connection import RedisError
from queue_config.events import Canceled, Expired
from queue_config.job_queue import Withdrawal
from queue_config.rq_time import rq_now

RETRY_S = 1.0
TRIES = 30

_logger = logging.getLogger(__name__)


def cancel(services: Services, job_id: str) -> Withdrawal:
    """End a request that waits; tell the worker where one has it ('taken'). Harmless where it has ended."""
    outcome = services.queue.withdraw(job_id, Canceled(0), rq_now())
    if outcome == "taken":
        services.control.cancel(job_id)
    return outcome


def expire(services: Services, job_id: str) -> None:
    """End a request that still waits though its deadline has passed; a running one is its worker's business."""
    services.queue.withdraw(job_id, Expired(0), rq_now())


def abandon(services: Services, job_id: str) -> None:
    """Nobody wants this answer any more. Returns quickly; where Redis doesn't answer it goes on trying."""
    try:
        cancel(services, job_id)
    except RedisError:
        abandon_later(services, job_id)


def abandon_later(services: Services, job_id: str) -> None:
    """The same without waiting for Redis at all, and for a request of which Redis may not have heard yet."""
    threading.Thread(target=_insist, args=(services, job_id), name=f"abandon {job_id}", daemon=True).start()


def _insist(services: Services, job_id: str) -> None:
    for _ in range(TRIES):
        try:
            if services.queue.withdraw(job_id, Canceled(0), rq_now()) != "withdrawn":
                # Even where it is unknown: what we sent may lie unread in Redis's socket, behind this.
                services.control.cancel(job_id)
        except RedisError:
            time.sleep(RETRY_S)
        else:
            return
    _logger.error("could not cancel an abandoned request", extra={"job_id": job_id})
