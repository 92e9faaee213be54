"""What each route is for: the scope that a key needs to call it. A route that is not here is refused."""

from typing import Literal

from queue_config.api_keys import Scope

Need = Scope | Literal["open", "any"]
"""`open` asks for no key at all, `any` for whatever key."""

# By blueprint, and by endpoint where that differs.
_NEEDS: dict[str, Need] = {
    "batches": "batches",
    "count_tokens": "messages",
    "greetings": "open",
    "health.live": "open",
    "health.ready": "any",
    "jobs": "messages",
    "live": "any",
    "messages": "messages",
    "metrics": "metrics",
    "models": "any",
    "openai_chat": "messages",
    "openai_completions": "messages",
    "openapi": "any",
    "stream": "messages",
    "web": "open",
}


def need_of(endpoint: str | None) -> Need | None:
    """The scope of an endpoint; `any` where there is no such route, None where its scope was forgotten."""
    if endpoint is None:
        return "any"
    return _NEEDS.get(endpoint) or _NEEDS.get(endpoint.partition(".")[0])
