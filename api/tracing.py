"""The API's part of each request's trace: from its arrival until the last byte of its answer."""

from typing import TYPE_CHECKING

from flask import Flask, Response, g, has_request_context, request

from api.counting import NO_ROUTE
from queue_config.tracing import Tracing, traceparent

if TYPE_CHECKING:
    from opentelemetry.trace import Span


UNTRACED = frozenset({"health", "metrics", "web", "live"})
"""What is asked again and again, and brings no work."""


def trace_requests(app: Flask, tracing: Tracing) -> None:
    """Goes on with a trace that the client began (`traceparent`), and tells workers where to go on."""

    @app.before_request
    def begin() -> None:
        if request.blueprint in UNTRACED:
            return
        route = request.url_rule.rule if request.url_rule else NO_ROUTE
        about = {"http.request.method": request.method, "http.route": route}
        span = tracing.begin(
            f"{request.method} {route}" if request.url_rule else NO_ROUTE,
            parent=request.headers.get("traceparent", ""),
            attributes=about,
        )
        g.span, g.traceparent = span, traceparent(span)

    @app.after_request
    def end(response: Response) -> Response:
        span: Span | None = g.get("span")
        if span is None:
            return response
        span.set_attribute("http.response.status_code", response.status_code)
        span.set_attribute("pensieve.request_id", g.request_id)
        # A stream ends long after this.
        response.call_on_close(span.end)
        return response


def current_traceparent() -> str:
    """Of the HTTP request at hand; "" where none is, or nobody traces."""
    return str(g.get("traceparent", "")) if has_request_context() else ""
