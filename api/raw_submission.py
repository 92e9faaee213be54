"""Submission of prompts that have no chat format around them."""

import time

from api.auth import tenant
from api.services import Services
from api.submission import accept, check_model, fit
from api.wire import ids
from api.wire_openai.completion_request import CompletionRequest
from queue_config.idempotency import Claim
from queue_config.request import GenerationRequest


def submit_raw(services: Services, parsed: CompletionRequest, *, claim: Claim | None = None) -> GenerationRequest:
    """Accept it for somebody who waits. Raises as `submit` does."""
    model = check_model(services, parsed.model)
    prompt = _tokens(services, parsed.prompt)
    now = time.time()
    request = GenerationRequest(
        id=ids.new_message_id(),
        model=model,
        prompt=prompt,
        sampling=fit(services, parsed.sampling, len(prompt)),
        created_at=now,
        deadline_at=now + services.settings.deadline_s,
        salt=tenant(services.settings.api_key),
    )
    return accept(services, request, claim=claim)


def _tokens(services: Services, prompt: str | tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(prompt, str):
        return services.prompts.encode_raw(prompt)
    services.prompts.check_tokens(prompt, "prompt")
    return prompt
