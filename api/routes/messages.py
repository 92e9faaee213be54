"""POST /v1/messages: an answer, whole or streamed."""

from flask import Blueprint, Response, g, jsonify, request

from api.admission import admit
from api.body import api_version, json_body
from api.client import Client
from api.idempotency import claim_on, leave, submit_once
from api.job_lookup import head_for
from api.reading import frames
from api.services import current_services
from api.sse_response import sse_response
from api.waiting import CLIENT_CLOSED_REQUEST, wait
from api.wire.message import fold
from api.wire.request import parse_messages
from queue_config.request import Lane

messages = Blueprint("messages", __name__)


@messages.post("/v1/messages")
def create_message() -> Response:
    services = current_services()
    admit(services)
    version = api_version()
    body, parsed = json_body(lambda body: parse_messages(body, version, services.seal))
    claim = claim_on(body)
    job = submit_once(services, parsed, _lane(), claim)
    head = head_for(services, job)
    client = Client(request.environ)
    if parsed.stream:
        return sse_response(
            frames(services, head, job.deadline_at, g.request_id, resumable=False),
            client,
            ping_interval_s=services.settings.ping_interval_s,
            with_ids=False,
            on_leave=lambda: leave(services, job.id, claim),
        )
    log = wait(services, job.id, job.deadline_at, client, on_leave=lambda: leave(services, job.id, claim))
    return Response(status=CLIENT_CLOSED_REQUEST) if log is None else jsonify(fold(head, log))


def _lane() -> Lane:
    """Claude Code marks what nobody waits for."""
    return "background" if request.headers.get("X-App") == "cli-bg" else "interactive"
