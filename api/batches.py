"""Batches as one client may use them: create, find, list, cancel, delete."""

import time

from api.caller import caller
from api.services import Services
from api.wire import ids
from api.wire.batch import Requests
from queue_config.batch_record import BatchRecord
from queue_config.connection import RedisError
from queue_config.errors import InvalidRequest, NotFound, Overloaded
from queue_config.idempotency import Claim
from queue_config.listing import Cursor


def create(
    services: Services,
    requests: Requests,
    *,
    version: str,
    host_url: str,
    claim: Claim | None = None,
    webhook: str = "",
) -> BatchRecord:
    """When this returns, the whole batch survives the death of this process. Raises Overloaded or Conflict."""
    now = time.time()
    record = BatchRecord(
        id=ids.new_batch_id(),
        tenant=caller().tenant,
        version=version,
        host_url=host_url,
        total=len(requests),
        created_at=now,
        expires_at=now + services.settings.batch_expires_s,
    )
    try:
        return find(services, services.batches.create(record, requests, claim=claim, webhook=webhook))
    except RedisError as error:
        raise Overloaded("The queue can't be reached; try again soon.") from error


def find(services: Services, batch_id: str) -> BatchRecord:
    """NotFound where there is none, none any more, or another tenant's."""
    record = services.batches.find(batch_id) if ids.is_batch_id(batch_id) else None
    if record is None or record.tenant != caller().tenant:
        raise NotFound("No message batch with this id; ended batches are kept for a limited time.")
    return record


def page(services: Services, cursor: Cursor, limit: int) -> tuple[list[BatchRecord], bool]:
    """Newest first, and whether there are more. Raises InvalidRequest for a wrong cursor."""
    return services.batches.page(caller().tenant, cursor, limit)


def cancel(services: Services, batch_id: str) -> BatchRecord:
    """The batch ends when what of it runs has stopped. Harmless where it has ended. Raises NotFound."""
    find(services, batch_id)
    services.batches.cancel(batch_id, time.time())
    return find(services, batch_id)


def delete(services: Services, batch_id: str) -> None:
    """Raises NotFound, or InvalidRequest where the batch has not ended."""
    record = find(services, batch_id)
    if record.status != "ended":
        raise InvalidRequest(f"Batch {batch_id} has not ended (it is {record.status}); cancel it before deleting it.")
    services.batches.delete(record)
