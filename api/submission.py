"""Submission: from a parsed request to one that is durable, or a refusal."""

import secrets
import time
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from api.deadline import deadline_s
from api.endings import abandon_later
from api.served_models import Served
from api.services import Services
from api.tracing import current_traceparent
from api.wire import ids
from api.wire.request import MessagesRequest
from queue_config.connection import RedisError
from queue_config.errors import Overloaded
from queue_config.idempotency import Claim
from queue_config.request import GenerationRequest, Lane, SamplingParams


class Times(NamedTuple):
    """Unix seconds."""

    created_at: float
    deadline_at: float


def submit(
    services: Services,
    parsed: MessagesRequest,
    lane: Lane,
    *,
    tenant: str,
    claim: Claim | None = None,
    webhook: str = "",
) -> GenerationRequest:
    """Tokenise and accept: when this returns, the request survives the death of this process.

    With a claim what is accepted may be another one, whose id the result then has (see api.idempotency). Raises
    NotFound, InvalidRequest, Overloaded or Conflict.
    """
    now = time.time()
    times = Times(now, now + deadline_s(services.settings))
    services.models.require_worker(services.models.named(parsed.model))
    request = prepare(services, parsed, lane, times, tenant=tenant)
    return accept(services, request, claim=claim, webhook=webhook)


def accept(
    services: Services, request: GenerationRequest, *, claim: Claim | None = None, webhook: str = ""
) -> GenerationRequest:
    """Make a prepared request durable. Raises Overloaded or Conflict."""
    try:
        accepted_id = services.queue.accept(request, claim=claim, webhook=webhook)
    except RedisError as error:
        if claim is None:
            # It may have been accepted, but nobody will learn its id.
            abandon_later(services, request.id)
        raise Overloaded("The queue can't be reached; try again soon.") from error
    return replace(request, id=accepted_id)


def prepare(services: Services, parsed: MessagesRequest, lane: Lane, times: Times, *, tenant: str) -> GenerationRequest:
    """Tokenise; nothing is accepted yet. Raises NotFound, NoWorker or InvalidRequest."""
    served = services.models.named(parsed.model)
    prompt = served.prompts.encode(parsed.conversation)
    sampling = fit(served, parsed.sampling, parsed.left_open, len(prompt))
    plan = served.prompts.plans.make(parsed.conversation, parsed.wish)
    notes = {"thinks": plan.thinking, "clamped": sampling.max_tokens < parsed.sampling.max_tokens}
    return GenerationRequest(
        id=ids.new_message_id(),
        model=served.name,
        prompt=prompt,
        sampling=sampling,
        created_at=times.created_at,
        deadline_at=times.deadline_at,
        lane=lane,
        salt=tenant,
        boundaries=served.prompts.boundaries(prompt),
        answer=plan,
        manner=(*parsed.wish.manner, *(word for word, is_so in notes.items() if is_so)),
        trace=current_traceparent(),
        fingerprint=served.fingerprint,
    )


def fit(served: Served, sampling: SamplingParams, left_open: Collection[str], prompt_tokens: int) -> SamplingParams:
    """The answer gets what the prompt leaves of the context, and what is left open is as the model's makers want it.

    A seed that nobody gave (0) is drawn here, so that a resume repeats it. Raises PromptTooLong, and InvalidRequest for
    a bias on what is no token.
    """
    prompts = served.prompts
    prompts.check_tokens((token for token, _ in sampling.logit_bias), "logit_bias")
    context = prompts.context_tokens
    if prompt_tokens > context:
        raise prompts.too_long(prompt_tokens)
    return replace(
        sampling,
        max_tokens=min(sampling.max_tokens, context - prompt_tokens),
        seed=sampling.seed or secrets.randbits(63),
        **served.sampling.among(left_open),
    )
