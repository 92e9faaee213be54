"""Admission of the request at hand, before its body is read: is there room, and has this key any left?"""

import time

from flask import Response, after_this_request, g, request

from api.body import check_head
from api.caller import Caller, caller
from api.idempotency import is_repeated
from api.services import Services
from api.wire import allowance
from queue_config.admission import Verdict
from queue_config.api_keys import Limits
from queue_config.errors import Overloaded, PensieveError, RateLimited

BYTES_PER_TOKEN = 4
_KINDS = {"requests": "requests", "input": "input tokens", "output": "output tokens"}


def admit(services: Services, *, has_body: bool = True) -> None:
    """For a request that is to be generated. Raises Overloaded or RateLimited, having read nothing but headers."""
    if has_body:
        check_head()
    hold(services)
    # What was accepted already takes no room.
    if not is_repeated(services):
        services.queue.room.check()
        g.allowance = ask(services, caller(), request.content_length or 0)


def hold(services: Services) -> None:
    """Count the answer at hand as one that its key waits for, until it is sent. Raises RateLimited."""
    who = caller()
    services.open_answers.check(who)
    services.open_answers.enter(who)

    def until_sent(response: Response) -> Response:
        response.call_on_close(lambda: services.open_answers.leave(who))
        return response

    after_this_request(until_sent)


def ask(services: Services, who: Caller, size_bytes: int) -> dict[str, str]:
    """The headers that tell a key what it has left. Raises Overloaded, RateLimited or RedisError."""
    verdict = services.admission.ask(
        services.queue.open_queue_keys,
        who.tenant,
        size_bytes // BYTES_PER_TOKEN,
        who.limits,
        leaves_room=not who.is_owner,
    )
    told = allowance.headers(who.limits, verdict.held, time.time())
    if verdict.short:
        g.allowance = told
        raise _refusal(verdict, who.limits)
    return told


def _refusal(verdict: Verdict, limits: Limits) -> PensieveError:
    if verdict.short in {"queue", "share"}:
        whose = "Too many requests" if verdict.short == "queue" else "Too many requests of this API key"
        return Overloaded(f"{whose} are waiting; try again soon.")
    limit = {
        "requests": limits.requests_per_minute,
        "input": limits.input_tokens_per_minute,
        "output": limits.output_tokens_per_minute,
    }[verdict.short]
    return RateLimited(
        f"This request would exceed this API key's rate limit of {limit:,} {_KINDS[verdict.short]} per minute.",
        verdict.retry_after_s,
    )
