"""/v1/jobs: the same messages as durable jobs, to poll, follow, leave, resume and cancel."""

from typing import Any

from flask import Blueprint, Response, g, request

from api.body import api_version, json_body
from api.client import Client
from api.endings import cancel
from api.job_lookup import find, look_up
from api.reading import frames
from api.services import current_services
from api.sse_response import sse_response
from api.submission import submit
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.job import has_ended, head_of
from api.wire.request import parse_messages
from api.wire.stream import MessageStream

jobs = Blueprint("jobs", __name__)


@jobs.post("/v1/jobs")
def create_job() -> tuple[dict[str, Any], int]:
    services = current_services()
    parsed = parse_messages(json_body(), api_version())
    return look_up(services, submit(services, parsed, "background").id), 202


@jobs.get("/v1/jobs/<job_id>")
def get_job(job_id: str) -> dict[str, Any]:
    return look_up(current_services(), job_id)


@jobs.post("/v1/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> dict[str, Any]:
    services = current_services()
    find(services, job_id)
    cancel(services, job_id)
    return look_up(services, job_id)


@jobs.get("/v1/jobs/<job_id>/events")
def follow_job(job_id: str) -> Response:
    services = current_services()
    record = find(services, job_id)
    after = _last_event_id()
    log = services.log.read(job_id)
    stream = MessageStream(head_of(record), g.request_id, after)
    if has_ended([entry.event for entry in log]) and not any(list(stream.fold(entry)) for entry in log):
        # A browser's EventSource comes back after every end; only this answer makes it stop.
        return Response(status=204)
    return sse_response(
        frames(services, head_of(record), record.deadline_at, g.request_id, after),
        Client(request.environ),
        ping_interval_s=services.settings.ping_interval_s,
        with_ids=True,
        # Readers come and go; the job stays.
        on_leave=lambda: None,
    )


def _last_event_id() -> FrameId:
    text = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    return FrameId.parse(text) if text else BEFORE_ALL
