"""POST /v1/chat/completions: the answers of /v1/messages for clients that speak OpenAI's format."""

from flask import Blueprint, Response, jsonify, request

from api.body import json_body
from api.client import Client
from api.idempotency import claim_on, leave, submit_once
from api.openai_reading import events
from api.services import current_services
from api.sse_response import event_response
from api.waiting import CLIENT_CLOSED_REQUEST, wait
from api.wire_openai import sse
from api.wire_openai.chat_answer import fold
from api.wire_openai.chat_chunks import ChatChunks
from api.wire_openai.chat_request import parse_chat
from api.wire_openai.head import head_of

openai_chat = Blueprint("openai_chat", __name__)


@openai_chat.post("/v1/chat/completions")
def create_chat_completion() -> Response:
    services = current_services()
    body = json_body()
    parsed = parse_chat(body)
    claim = claim_on(services, body)
    job = submit_once(services, parsed.message, "interactive", claim)
    client = Client(request.environ)

    def on_leave() -> None:
        leave(services, job.id, claim)

    if parsed.message.stream:
        return event_response(
            events(services, job, ChatChunks(head_of(job), include_usage=parsed.include_usage)),
            client,
            keep_alive=sse.KEEP_ALIVE,
            ping_interval_s=services.settings.ping_interval_s,
            on_leave=on_leave,
        )
    log = wait(services, job.id, job.deadline_at, client, on_leave=on_leave)
    return Response(status=CLIENT_CLOSED_REQUEST) if log is None else jsonify(fold(head_of(job), log))
