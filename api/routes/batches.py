"""/v1/messages/batches: up to 10,000 messages at a time, answered when there is nothing more urgent to do."""

from typing import Any

from flask import Blueprint, Response, request

from api import batches as service
from api.body import api_version, json_body
from api.idempotency import claim_on
from api.services import current_services
from api.webhooks import url_of
from api.wire import paging
from api.wire.batch import parse_create, view
from queue_config.errors import InvalidRequest

batches = Blueprint("batches", __name__)


@batches.post("/v1/messages/batches")
def create_batch() -> dict[str, Any]:
    services = current_services()
    settings = services.settings
    request.max_content_length = settings.max_batch_body_bytes
    version = api_version()
    body, requests = json_body(lambda body: parse_create(body, settings.max_batch_requests))
    webhook = url_of(services, body)
    claim = claim_on(body)
    record = service.create(
        services, requests, version=version, host_url=request.host_url, claim=claim, webhook=webhook
    )
    return view(record, request.host_url)


@batches.get("/v1/messages/batches")
def list_batches() -> dict[str, Any]:
    cursor, limit = paging.cursor_of(request.args), paging.limit_of(request.args)
    records, has_more = service.page(current_services(), cursor, limit)
    return paging.page([view(record, request.host_url) for record in records], has_more=has_more)


@batches.get("/v1/messages/batches/<batch_id>")
def get_batch(batch_id: str) -> dict[str, Any]:
    return view(service.find(current_services(), batch_id), request.host_url)


@batches.post("/v1/messages/batches/<batch_id>/cancel")
def cancel_batch(batch_id: str) -> dict[str, Any]:
    return view(service.cancel(current_services(), batch_id), request.host_url)


@batches.delete("/v1/messages/batches/<batch_id>")
def delete_batch(batch_id: str) -> dict[str, Any]:
    service.delete(current_services(), batch_id)
    return {"id": batch_id, "type": "message_batch_deleted"}


@batches.get("/v1/messages/batches/<batch_id>/results")
def get_results(batch_id: str) -> Response:
    services = current_services()
    record = service.find(services, batch_id)
    if record.status != "ended":
        raise InvalidRequest(f"Batch {batch_id} has not ended (it is {record.status}); it has no results yet.")
    lines = (b"".join(line + b"\n" for line in part) for part in services.batches.results(batch_id))
    return Response(lines, mimetype="application/x-jsonl")
