"""CORS: lets the pages that PENSIEVE_ALLOWED_ORIGINS names read what they asked for, and nobody else's."""

from collections.abc import Collection

from flask import Flask, Response, request

_EXPOSED = (
    "request-id, x-request-id, retry-after, x-should-retry, anthropic-ratelimit-requests-remaining, "
    "anthropic-ratelimit-input-tokens-remaining, anthropic-ratelimit-output-tokens-remaining"
)
_KEPT_S = "600"


def is_preflight(origins: Collection[str]) -> bool:
    """Whether a browser asks, on behalf of such a page, if it may ask. Keys are not sent with that."""
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and request.headers.get("Origin", "").lower() in origins
    )


def allow(app: Flask, origins: Collection[str]) -> None:
    """Without origins no answer says anything of the kind."""
    if origins:
        app.after_request(lambda response: _tell(response, origins))


def _tell(response: Response, origins: Collection[str]) -> Response:
    # Caches must not give one page what was meant for another.
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin.lower() in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        if is_preflight(origins):
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            # What the key protects is protected whatever headers come with it.
            response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Max-Age"] = _KEPT_S
    return response
