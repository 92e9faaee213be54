"""Submission of prompts that have no chat format around them."""

import time

from api.caller import caller
from api.deadline import deadline_s
from api.services import Services
from api.submission import accept, fit
from api.tokenizing import Prompts
from api.tracing import current_traceparent
from api.wire import ids
from api.wire_openai.completion_request import CompletionRequest
from queue_config.idempotency import Claim
from queue_config.request import GenerationRequest


def submit_raw(services: Services, parsed: CompletionRequest, *, claim: Claim | None = None) -> GenerationRequest:
    """Accept it for somebody who waits. Raises as `submit` does."""
    now = time.time()
    deadline_at = now + deadline_s(services.settings)
    served = services.models.named(parsed.model)
    services.models.require_worker(served)
    prompt = _tokens(served.prompts, parsed.prompt)
    request = GenerationRequest(
        id=ids.new_message_id(),
        model=served.name,
        prompt=prompt,
        sampling=fit(served, parsed.sampling, parsed.left_open, len(prompt)),
        created_at=now,
        deadline_at=deadline_at,
        salt=caller().tenant,
        trace=current_traceparent(),
        fingerprint=served.fingerprint,
    )
    return accept(services, request, claim=claim)


def _tokens(prompts: Prompts, prompt: str | tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(prompt, str):
        return prompts.encode_raw(prompt)
    if len(prompt) > prompts.context_tokens:
        raise prompts.too_long(len(prompt))
    prompts.check_tokens(prompt, "prompt")
    return prompt
