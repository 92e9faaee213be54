"""Traces: one from the HTTP request to the last token."""

from dataclasses import replace
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Failed, Finished
from queue_config.settings import Settings
from queue_config.tracing import Tracing, traceparent
from tests.support.worker import a_request
from workers.report_traces import Traces


class Sink:
    """Where spans end up; by name."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing("test", SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


def times_s(span: ReadableSpan, since: float) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return round(span.start_time / 1e9 - since, 3), round(span.end_time / 1e9 - since, 3)


def test_a_worker_s_part_tells_the_wait_the_prompt_and_the_tokens() -> None:
    sink = Sink()
    root = sink.tracing.begin("root")
    request = replace(a_request("msg_1"), trace=traceparent(root), created_at=1000.0)
    traces = Traces(sink.tracing)
    traces.begun(request, 1001.0, is_resumed=False)
    traces.written([Entry("msg_1", Position(1, 2), Delta((1,)))], 1003.0)
    end = [Entry("msg_1", Position(1, 3), Delta((1, 2))), Entry("msg_1", Position(1, 4), Finished("end_turn", 3))]
    traces.written(end, 1004.0)
    spans = sink.spans

    assert {name: times_s(span, 1000.0) for name, span in spans.items()} == {
        "queue": (0.0, 1.0),
        "prefill": (1.0, 3.0),
        "decode": (3.0, 4.0),
        "generate": (1.0, 4.0),
    }
    assert {span.context.trace_id for span in spans.values()} == {root.get_span_context().trace_id}
    assert {span.parent.span_id for span in spans.values() if span.parent} == {root.get_span_context().span_id}
    assert dict(spans["generate"].attributes or {}) == {
        "pensieve.id": "msg_1",
        "pensieve.lane": "interactive",
        "gen_ai.request.model": "echo",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 3,
        "pensieve.outcome": "finished",
    }


def test_a_failure_and_one_that_another_worker_got_say_so() -> None:
    sink = Sink()
    traces = Traces(sink.tracing)
    for job_id in ("msg_1", "msg_2"):
        trace = traceparent(sink.tracing.begin("root"))
        traces.begun(replace(a_request(job_id), trace=trace), 1.0, is_resumed=True)
    traces.written([Entry("msg_1", Position(1, 2), Failed("api_error", "no"))], 2.0)
    first = dict(sink.spans["generate"].attributes or {})
    traces.forget("msg_2")
    traces.forget("msg_2")
    second = dict(sink.spans["generate"].attributes or {})

    assert (first["pensieve.outcome"], first["error.type"]) == ("failed", "api_error")
    assert (second["pensieve.id"], second["pensieve.outcome"]) == ("msg_2", "left to another worker")
    assert "queue" not in sink.spans


def test_who_brings_no_trace_leaves_none() -> None:
    sink = Sink()
    traces = Traces(sink.tracing)
    traces.begun(a_request("msg_1"), 1.0, is_resumed=False)
    traces.written([Entry("msg_1", Position(1, 2), Delta((1,)))], 2.0)

    assert sink.spans == {}


def test_without_a_collector_nothing_is_traced(tmp_path: Path) -> None:
    assert Tracing.of(Settings(home=tmp_path), "api") is None
