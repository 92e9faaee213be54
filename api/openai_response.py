"""The answer of a job to one of OpenAI's clients, streamed or whole."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, g, jsonify, request

from api.client import Client
from api.idempotency import leave
from api.openai_reading import Chunks, events
from api.services import Services
from api.sse_response import event_response
from api.waiting import CLIENT_CLOSED_REQUEST, wait
from api.wire_openai import sse
from api.wire_openai.head import CompletionHead, head_of
from queue_config.events import Event
from queue_config.idempotency import Claim
from queue_config.job_queue import JobRecord

Fold = Callable[[CompletionHead, Iterable[Event]], dict[str, Any]]


def respond(services: Services, job: JobRecord, claim: Claim | None, *, chunks: Chunks | None, fold: Fold) -> Response:
    """In `chunks`; where there are none the finished log in one piece, by `fold`."""
    client = Client(request.environ)

    def on_leave() -> None:
        leave(services, job.id, claim)

    if chunks is not None:
        return event_response(
            events(services, job, chunks, g.request_id),
            client,
            keep_alive=sse.KEEP_ALIVE,
            ping_interval_s=services.settings.ping_interval_s,
            on_leave=on_leave,
        )
    log = wait(services, job.id, job.deadline_at, client, on_leave=on_leave)
    return Response(status=CLIENT_CLOSED_REQUEST) if log is None else jsonify(fold(head_of(job), log))
