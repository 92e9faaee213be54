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
from queue_config.request import GenerationRequest, Lane, SamplingParams

LARGE_PROMPT_BYTES = 64_000
"""From here on tokenising costs more than a look at whether there is room at all."""


def check_model(services: Services, name: str) -> str:
    """The name of the model that serves requests for `name`; NotFound where none does."""
    served = services.model.name
    if name != served and not name.startswith("claude"):
        raise NotFound(f"model: {name}")
    return served


def submit(services: Services, parsed: MessagesRequest, lane: Lane) -> GenerationRequest:
    """Tokenise and accept: when this returns, the request survives the death of this process.

    Raises NotFound, InvalidRequest or Overloaded.
    """
    model = check_model(services, parsed.model)
    _check_room(services, parsed)
    prompt = services.prompts.encode(parsed.conversation)
    now = time.time()
    request = GenerationRequest(
        id=ids.new_message_id(),
        model=model,
        prompt=prompt,
        sampling=_fit(services, parsed.sampling, len(prompt)),
        created_at=now,
        deadline_at=now + services.settings.deadline_s,
        lane=lane,
        salt=tenant(services.settings.api_key),
        boundaries=services.prompts.boundaries(prompt),
    )
    try:
        services.queue.accept(request)
    except RedisError as error:
        # It may have been accepted, but nobody will learn its id.
        abandon_later(services, request.id)
        raise Overloaded("The queue can't be reached; try again soon.") from error
    return request


def _check_room(services: Services, parsed: MessagesRequest) -> None:
    is_large = services.prompts.measure(parsed.conversation) > LARGE_PROMPT_BYTES
    if is_large and services.queue.waiting() >= services.settings.max_waiting:
        raise Overloaded("Too many requests are waiting; try again soon.")


def _fit(services: Services, sampling: SamplingParams, prompt_tokens: int) -> SamplingParams:
    """The answer gets what the prompt leaves of the context; the seed is drawn here, so that a resume repeats it."""
    context = services.prompts.context_tokens
    if prompt_tokens > context:
        raise services.prompts.too_long(prompt_tokens)
    return replace(
        sampling,
        max_tokens=min(sampling.max_tokens, context - prompt_tokens),
        seed=secrets.randbits(63),
    )
