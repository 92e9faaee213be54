"""Submission: from a parsed request to one that is durable, or a refusal."""

import secrets
import time
from dataclasses import replace

from api.auth import tenant
from api.endings import abandon_later
from api.services import Services
from api.wire import ids
from api.wire.request import MessagesRequest
from queue_config.connection import RedisError
from queue_config.errors import NotFound, Overloaded
from queue_config.idempotency import Claim
from queue_config.request import GenerationRequest, Lane, SamplingParams

LARGE_PROMPT_BYTES = 64_000
"""From here on tokenising costs more than a look at whether there is room at all."""


def check_model(services: Services, name: str) -> str:
    """The name of the model that serves requests for `name`; NotFound where none does."""
    served = services.model.name
    if name != served and not name.startswith("claude"):
        raise NotFound(f"model: {name}")
    return served


def submit(
    services: Services, parsed: MessagesRequest, lane: Lane, *, claim: Claim | None = None, webhook: str = ""
) -> GenerationRequest:
    """Tokenise and accept: when this returns, the request survives the death of this process.

    With a claim what is accepted may be another one, whose id the result then has (see api.idempotency). Raises
    NotFound, InvalidRequest, Overloaded or Conflict.
    """
    check_model(services, parsed.model)
    _check_room(services, parsed)
    now = time.time()
    request = prepare(services, parsed, lane, created_at=now, deadline_at=now + services.settings.deadline_s)
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


def prepare(
    services: Services, parsed: MessagesRequest, lane: Lane, *, created_at: float, deadline_at: float
) -> GenerationRequest:
    """Tokenise; nothing is accepted yet. Times are Unix seconds. Raises NotFound or InvalidRequest."""
    model = check_model(services, parsed.model)
    prompt = services.prompts.encode(parsed.conversation)
    sampling = fit(services, parsed.sampling, len(prompt))
    plan = services.prompts.plans.make(parsed.conversation, parsed.wish)
    notes = {"thinks": plan.thinking, "clamped": sampling.max_tokens < parsed.sampling.max_tokens}
    return GenerationRequest(
        id=ids.new_message_id(),
        model=model,
        prompt=prompt,
        sampling=sampling,
        created_at=created_at,
        deadline_at=deadline_at,
        lane=lane,
        salt=tenant(services.settings.api_key),
        boundaries=services.prompts.boundaries(prompt),
        answer=plan,
        manner=(*parsed.wish.manner, *(word for word, is_so in notes.items() if is_so)),
    )


def _check_room(services: Services, parsed: MessagesRequest) -> None:
    is_large = services.prompts.measure(parsed.conversation) > LARGE_PROMPT_BYTES
    if is_large and services.queue.waiting() >= services.settings.max_waiting:
        raise Overloaded("Too many requests are waiting; try again soon.")


def fit(services: Services, sampling: SamplingParams, prompt_tokens: int) -> SamplingParams:
    """The answer gets what the prompt leaves of the context.

    A seed that nobody gave (0) is drawn here, so that a resume repeats it. Raises PromptTooLong, and InvalidRequest for
    a bias on what is no token.
    """
    services.prompts.check_tokens((token for token, _ in sampling.logit_bias), "logit_bias")
    context = services.prompts.context_tokens
    if prompt_tokens > context:
        raise services.prompts.too_long(prompt_tokens)
    return replace(
        sampling,
        max_tokens=min(sampling.max_tokens, context - prompt_tokens),
        seed=sampling.seed or secrets.randbits(63),
    )
