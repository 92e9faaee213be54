"""The API's spans, and the context that goes with the request to the worker."""

import redis as redis_py
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.app import create_app
from queue_config.tracing import Tracing
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_stream_s_span_goes_on_with_the_caller_s_trace_and_reaches_the_worker(
    worker: FakeWorker, redis: redis_py.Redis, redis_url: str
) -> None:
    exporter = InMemorySpanExporter()
    services = api_fakes.build_services(api_fakes.settings(redis_url))
    client = create_app(services, Tracing("api", SimpleSpanProcessor(exporter))).test_client()
    answer = client.post(
        "/v1/messages", json=api_fakes.messages_body(stream=True), headers={"traceparent": CALLER}, buffered=True
    )
    refused = client.get("/v1/jobs/none", buffered=True)
    services.close()
    streamed, looked = exporter.get_finished_spans()

    assert (answer.status_code, refused.status_code) == (200, 404)
    assert (streamed.name, looked.name) == ("POST /v1/messages", "GET /v1/jobs/<job_id>")
    trace, span = f"{streamed.context.trace_id:032x}", f"{streamed.context.span_id:016x}"
    assert (trace, streamed.parent and f"{streamed.parent.span_id:016x}") == tuple(CALLER.split("-")[1:3])
    assert worker.taken[0].trace == f"00-{trace}-{span}-01"
    assert looked.parent is None
    assert (looked.attributes or {})["http.response.status_code"] == 404
