"""Errors in OpenAI's envelope, with the codes and the wording that its clients look for."""

import re
from typing import Any

from queue_config.errors import NotFound, PensieveError, PromptTooLong, Unauthenticated

_FIELD = re.compile(r"([a-z_]+(?:\.[A-Za-z0-9_]+)*): ")
_INDEX = re.compile(r"\.([0-9]+)")
_OVERLOADED = 529
_UNAVAILABLE = 503
_SERVER = {"api_error", "timeout_error", "overloaded_error"}
_CODES = {
    "authentication_error": "invalid_api_key",
    "rate_limit_error": "rate_limit_exceeded",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
}


def envelope(error: PensieveError) -> dict[str, Any]:
    """The body of every answer that is no success, and the last chunk of a stream that fails."""
    return {
        "error": {
            "message": _message(error),
            "type": _type(error),
            "param": _param(error),
            "code": _code(error),
        }
    }


def status(error: PensieveError) -> int:
    """The HTTP status; only Anthropic's clients know 529."""
    return _UNAVAILABLE if error.status == _OVERLOADED else error.status


def _type(error: PensieveError) -> str:
    if error.kind == "rate_limit_error":
        return "requests"
    return "server_error" if error.kind in _SERVER else "invalid_request_error"


def _message(error: PensieveError) -> str:
    match error:
        case PromptTooLong():
            # Clients look for the first half, and then shorten the conversation.
            return (
                f"This model's maximum context length is {error.maximum} tokens. "
                f"However, your messages resulted in {error.tokens} tokens."
            )
        case Unauthenticated():
            return "No API key, or a wrong one; send it as `Authorization: Bearer KEY`."
    return str(error)


def _param(error: PensieveError) -> str | None:
    if isinstance(error, PromptTooLong):
        return "messages"
    found = _FIELD.match(str(error)) if error.kind in {"invalid_request_error", "not_found_error"} else None
    return _INDEX.sub(r"[\1]", found[1]) if found else None


def _code(error: PensieveError) -> str | None:
    match error:
        case PromptTooLong():
            return "context_length_exceeded"
        case NotFound() if str(error).startswith("model: "):
            return "model_not_found"
    return _CODES.get(error.kind)
