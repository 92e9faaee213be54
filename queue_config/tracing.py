"""Tracing: OpenTelemetry spans, sent to where PENSIEVE_OTEL_ENDPOINT says; without it nothing of this is imported.

A request's trace begins with its HTTP request, or with the caller's own trace, and its context travels in the request
to the worker, as W3C's `traceparent`. No span says what was asked or answered.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from queue_config.errors import BadSetting
from queue_config.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

    Attributes = Mapping[str, str | int | float | bool]

PATH = "/v1/traces"
"""Where collectors take OTLP over HTTP."""
NS_PER_S = 1_000_000_000


class Tracing:
    """One process's way to begin spans. The caller ends each; what is left is sent when the process ends."""

    def __init__(self, process: str, processor: "SpanProcessor") -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"pensieve-{process}"}))
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("pensieve")

    @classmethod
    def of(cls, settings: Settings, process: str) -> Self | None:
        """None where the settings name no collector. Raises BadSetting where the packages for it are missing."""
        if not settings.otel_endpoint:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise BadSetting(
                "PENSIEVE_OTEL_ENDPOINT needs OpenTelemetry: "
                ".venv/bin/pip install -c deploy/constraints.txt -e '.[traces]'"
            ) from error
        exporter = OTLPSpanExporter(endpoint=settings.otel_endpoint.rstrip("/") + PATH)
        return cls(process, BatchSpanProcessor(exporter))

    def begin(
        self, name: str, *, parent: str = "", at: float | None = None, attributes: "Attributes | None" = None
    ) -> "Span":
        """A span that began `at` (Unix seconds, or now), below the `traceparent`, or in a trace of its own."""
        return self._tracer.start_span(
            name, context=_context(parent), start_time=None if at is None else ns(at), attributes=attributes
        )


def traceparent(span: "Span") -> str:
    """What spans of other processes need to be below this one."""
    from opentelemetry.trace import set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context=set_span_in_context(span))
    return carrier.get("traceparent", "")


def ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)


def _context(parent: str) -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    # A `traceparent` that is none begins a trace of its own.
    return TraceContextTextMapPropagator().extract({"traceparent": parent}, context=Context())
