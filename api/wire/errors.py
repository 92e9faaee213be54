"""Errors in Anthropic's envelope."""

from typing import Any

from queue_config.errors import PensieveError


def envelope(error: PensieveError, request_id: str) -> dict[str, Any]:
    """The body of every answer that is no success, and the `error` event of a stream."""
    inner: dict[str, Any] = {"type": error.kind, "message": str(error)}
    if details := getattr(error, "details", None):
        inner["details"] = details
    return {"type": "error", "error": inner, "request_id": request_id}
