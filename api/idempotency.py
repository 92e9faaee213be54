"""Idempotency-Key: the same request sent again attaches to what the first one started, live or ended."""

import hashlib
from collections.abc import Callable

import orjson
from flask import request

from api.auth import tenant
from api.endings import abandon
from api.job_lookup import find
from api.off_loop import off_loop
from api.services import Services
from api.submission import submit
from api.wire.request import MessagesRequest
from queue_config.errors import InvalidRequest
from queue_config.idempotency import Claim
from queue_config.job_queue import JobRecord
from queue_config.request import GenerationRequest, Lane

HEADER = "Idempotency-Key"
MAX_LENGTH = 255


def claim_on(services: Services, body: object) -> Claim | None:
    """What the header of the request at hand asks for; None without one. Raises InvalidRequest."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_LENGTH or not key.isprintable():
        raise InvalidRequest(f"idempotency-key: should be 1 to {MAX_LENGTH} printable characters")
    said = f"{request.path} {request.headers.get('Anthropic-Version', '')}\n".encode()
    canonical = off_loop(lambda: orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    return Claim(
        tenant(services.settings.api_key),
        hashlib.sha256(key.encode()).hexdigest(),
        hashlib.sha256(said + canonical).hexdigest(),
    )


def submit_once(
    services: Services, parsed: MessagesRequest, lane: Lane, claim: Claim | None, *, webhook: str = ""
) -> JobRecord:
    """Accept the request, or find what was accepted before under the same claim. Raises as `submit` does."""
    return once(services, claim, lambda: submit(services, parsed, lane, claim=claim, webhook=webhook))


def once(services: Services, claim: Claim | None, submitting: Callable[[], GenerationRequest]) -> JobRecord:
    """The same for any way of submitting, which is to pass the claim on."""
    if claim is None:
        return JobRecord.of(submitting())
    return find(services, services.queue.claimed(claim) or submitting().id)


def leave(services: Services, job_id: str, claim: Claim | None) -> None:
    """The client has gone. With a key it may come back for its answer, which therefore goes on."""
    if claim is None:
        abandon(services, job_id)
