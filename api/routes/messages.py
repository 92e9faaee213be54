"""POST /v1/messages: an answer, whole or streamed."""

from contextlib import closing
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from api.body import api_version, json_body
from api.client import Client
from api.endings import abandon
from api.reading import entries, frames
from api.services import Services, current_services
from api.sse_response import sse_response
from api.submission import submit
from api.wire.message import MessageHead, fold
from api.wire.request import parse_messages
from queue_config.events import Event

messages = Blueprint("messages", __name__)

CLIENT_CLOSED_REQUEST = 499


@messages.post("/v1/messages")
def create_message() -> Response:
    services = current_services()
    parsed = parse_messages(json_body(), api_version())
    job = submit(services, parsed, "interactive")
    head = MessageHead(job.id, job.model, len(job.prompt))
    client = Client(request.environ)
    if parsed.stream:
        return sse_response(
            frames(services, head, job.deadline_at, g.request_id),
            client,
            ping_interval_s=services.settings.ping_interval_s,
            with_ids=False,
            on_leave=lambda: abandon(services, job.id),
        )
    message = _wait(services, head, job.deadline_at, client)
    return Response(status=CLIENT_CLOSED_REQUEST) if message is None else jsonify(message)


def _wait(services: Services, head: MessageHead, deadline_at: float, client: Client) -> dict[str, Any] | None:
    """The whole message; None where the client left. Raises the error that it ended in."""
    log: list[Event] = []
    ended = False
    try:
        with closing(entries(services, head.id, deadline_at)) as following:
            for entry in following:
                if entry is not None:
                    log.append(entry.event)
                elif client.is_gone():
                    return None
        ended = True
    finally:
        if not ended:
            abandon(services, head.id)
    return fold(head, log)
