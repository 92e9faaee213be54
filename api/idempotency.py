"""Idempotency-Key: the same request sent again attaches to what the first one started, live or ended."""

import hashlib
from collections.abc import Callable

import orjson
from flask import request

from api.caller import caller
from api.endings import abandon
from api.job_lookup import find
from api.off_loop import off_loop
from api.services import Services
from api.submission import submit
from api.wire.request import MessagesRequest
from queue_config import keys
from queue_config.errors import InvalidRequest
from queue_config.idempotency import Claim
from queue_config.job_queue import JobRecord
from queue_config.request import GenerationRequest, Lane

HEADER = "Idempotency-Key"
MAX_LENGTH = 255


def claim_on(body: object) -> Claim | None:
    """What the header of the request at hand asks for; None without one. Raises InvalidRequest."""
    key = _key()
    if key is None:
        return None
    said = f"{request.path} {request.headers.get('Anthropic-Version', '')}\n".encode()
    canonical = off_loop(lambda: orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    return Claim(
        caller().tenant,
        _digest(key),
        hashlib.sha256(said + canonical).hexdigest(),
    )


def is_repeated(services: Services) -> bool:
    """Whether something was accepted under the key of the request at hand. Raises InvalidRequest or RedisError."""
    key = _key()
    return key is not None and bool(services.redis.exists(keys.idempotency(caller().tenant, _digest(key))))


def submit_once(
    services: Services, parsed: MessagesRequest, lane: Lane, claim: Claim | None, *, webhook: str = ""
) -> JobRecord:
    """Accept the request, or find what was accepted before under the same claim. Raises as `submit` does."""
    tenant = caller().tenant
    return once(services, claim, lambda: submit(services, parsed, lane, tenant=tenant, claim=claim, webhook=webhook))


def once(services: Services, claim: Claim | None, submitting: Callable[[], GenerationRequest]) -> JobRecord:
    """The same for any way of submitting, which is to pass the claim on."""
    if claim is None:
        return JobRecord.of(submitting())
    return find(services, services.queue.claimed(claim) or submitting().id, claim.tenant)


def _key() -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and (not 0 < len(key) <= MAX_LENGTH or not key.isprintable()):
        raise InvalidRequest(f"idempotency-key: should be 1 to {MAX_LENGTH} printable characters")
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def leave(services: Services, job_id: str, claim: Claim | None) -> None:
    """The client has gone. With a key it may come back for its answer, which therefore goes on."""
    if claim is None:
        abandon(services, job_id)
