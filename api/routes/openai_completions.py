"""POST /v1/completions: the model goes on from a prompt as it stands."""

from flask import Blueprint, Response, jsonify, request

from api.body import json_body
from api.client import Client
from api.idempotency import claim_on, leave, once
from api.openai_reading import events
from api.raw_submission import submit_raw
from api.services import current_services
from api.sse_response import event_response
from api.waiting import CLIENT_CLOSED_REQUEST, wait
from api.wire_openai import sse
from api.wire_openai.completion_request import parse_completion
from api.wire_openai.head import head_of
from api.wire_openai.text_completion import TextChunks, fold

openai_completions = Blueprint("openai_completions", __name__)


@openai_completions.post("/v1/completions")
def create_completion() -> Response:
    services = current_services()
    body = json_body()
    parsed = parse_completion(body)
    claim = claim_on(services, body)
    job = once(services, claim, lambda: submit_raw(services, parsed, claim=claim))
    client = Client(request.environ)

    def on_leave() -> None:
        leave(services, job.id, claim)

    if parsed.stream:
        return event_response(
            events(services, job, TextChunks(head_of(job), include_usage=parsed.include_usage)),
            client,
            keep_alive=sse.KEEP_ALIVE,
            ping_interval_s=services.settings.ping_interval_s,
            on_leave=on_leave,
        )
    log = wait(services, job.id, job.deadline_at, client, on_leave=on_leave)
    return Response(status=CLIENT_CLOSED_REQUEST) if log is None else jsonify(fold(head_of(job), log))
