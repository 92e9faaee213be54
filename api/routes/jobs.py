"""/v1/jobs: the same messages as durable jobs, to poll, follow, leave, resume and cancel."""

from typing import Any, cast, get_args

from flask import Blueprint, Response, g, request

from api.admission import admit, hold
from api.body import api_version, json_body
from api.caller import caller
from api.client import Client
from api.endings import cancel
from api.idempotency import claim_on, submit_once
from api.job_list import page
from api.job_lookup import find, head_for, look_up
from api.reading import frames
from api.retry import retry
from api.services import current_services
from api.sse_response import sse_response
from api.webhooks import url_of
from api.wire import fields, paging
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.job import Status, has_ended
from api.wire.request import parse_messages
from api.wire.stream import MessageStream

jobs = Blueprint("jobs", __name__)


@jobs.post("/v1/jobs")
def create_job() -> tuple[dict[str, Any], int]:
    services = current_services()
    admit(services)
    version = api_version()
    body, parsed = json_body(lambda body: parse_messages(body, version, services.seal))
    webhook = url_of(services, body)
    job = submit_once(services, parsed, "background", claim_on(body), webhook=webhook)
    return look_up(services, job.id, caller().tenant), 202


@jobs.get("/v1/jobs")
def list_jobs() -> dict[str, Any]:
    asked = request.args.to_dict()
    status = cast(Status, fields.one_of(asked, "status", get_args(Status))) if "status" in asked else None
    found, has_more = page(current_services(), paging.cursor_of(asked), paging.limit_of(asked), status)
    return paging.page(found, has_more=has_more)


@jobs.get("/v1/jobs/<job_id>")
def get_job(job_id: str) -> dict[str, Any]:
    return look_up(current_services(), job_id, caller().tenant)


@jobs.post("/v1/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> dict[str, Any]:
    services = current_services()
    find(services, job_id, caller().tenant)
    cancel(services, job_id)
    return look_up(services, job_id, caller().tenant)


@jobs.post("/v1/jobs/<job_id>/retry")
def retry_job(job_id: str) -> tuple[dict[str, Any], int]:
    services = current_services()
    admit(services, has_body=False)
    tenant = caller().tenant
    return look_up(services, retry(services, job_id, tenant), tenant), 202


@jobs.get("/v1/jobs/<job_id>/events")
def follow_job(job_id: str) -> Response:
    services = current_services()
    hold(services)
    record = find(services, job_id, caller().tenant)
    after = _last_event_id()
    log = services.log.read(job_id)
    head = head_for(services, record)
    stream = MessageStream(head, g.request_id, after)
    if has_ended([entry.event for entry in log]) and not any(list(stream.fold(entry)) for entry in log):
        # A browser's EventSource comes back after every end; only this answer makes it stop.
        return Response(status=204)
    return sse_response(
        frames(services, head, record.deadline_at, g.request_id, after),
        Client(request.environ),
        ping_interval_s=services.settings.ping_interval_s,
        with_ids=True,
        # Readers come and go; the job stays.
        on_leave=lambda: None,
    )


def _last_event_id() -> FrameId:
    text = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    return FrameId.parse(text) if text else BEFORE_ALL
