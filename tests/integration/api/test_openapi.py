"""The API held against its document: real answers fit their schemas, and nothing that is sent makes it break."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
import redis as redis_py
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import TestResponse

from api.openapi import message_requests
from api.openapi.document import document
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL, messages_body

DOCUMENT = document("1")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 10
"""Of each kind for each route; more find more, and take longer."""
APART = {"/v1/stream", "/v1/live/events", "/health/ready"}
"""One is no plain HTTP, one never ends, and one takes nothing and may well answer 503."""
SENT = {*message_requests.SCHEMAS, "JobRequest", "BatchRequest", "ChatRequest", "ChatMessage", "CompletionRequest"}
"""Schemas of requests, and of no answers."""


def operations() -> list[Any]:
    """All routes that requests can be generated for: small ones, of the one model that there is."""
    schemas: dict[str, Any] = DOCUMENT["components"]["schemas"]
    schemas = schemas | {name: small(for_the_model(schemas[name])) for name in SENT}
    known = DOCUMENT | {"components": DOCUMENT["components"] | {"schemas": schemas}}
    found: list[Any] = [*schemathesis.openapi.from_dict(known).get_all_operations()]
    return [result.ok() for result in found if result.ok().path not in APART]


def for_the_model(schema: dict[str, Any]) -> dict[str, Any]:
    if "model" not in schema.get("properties", {}):
        return schema
    return schema | {"properties": schema["properties"] | {"model": {"enum": [MODEL, "claude-x"]}}}


def small(schema: Any) -> Any:
    """The same with at most two of everything, for generating takes longer than answering."""
    if isinstance(schema, list):
        return [small(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {"array": {"maxItems": 2}, "object": {"maxProperties": 2 + len(schema.get("properties", {}))}}
    kind = schema.get("type")
    limited = {name: small(value) for name, value in schema.items()}
    return limited | (bounds.get(kind, {}) if isinstance(kind, str) else {})


OPERATIONS = operations()
ANSWER = 'answer tool_use [["thinking","hm"],["text","Hi"],["tool","toolu_1","f"],["input","{}"]]'


@pytest.fixture
def app(redis: redis_py.Redis, redis_url: str, worker: FakeWorker) -> Iterator[Flask]:
    with api_fakes.application(redis_url) as app:
        yield app


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nothing_that_is_sent_breaks_it(app: Flask, operation: Any) -> None:
    cases = st.one_of([operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)])

    @settings(max_examples=2 * EXAMPLES, database=None, suppress_health_check=[*HealthCheck])
    @given(cases)
    def send(case: Any) -> None:
        response = case.call(app=app)
        case.validate_response(response, checks=CHECKS)

    send()


def check(answer: TestResponse, path: str, method: str = "get") -> Any:
    """The answer's JSON, which has the form that the document gives it; of a stream the last event's."""
    documented = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
    schema = documented["content"][answer.mimetype]["schema"]
    if answer.mimetype == "text/event-stream":
        data = schema["properties"]["data"]
        schema = data.get("anyOf", [data])[0]["contentSchema"]
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, validate_formats=True
    )
    values = [orjson.loads(part) for part in parts(answer)]
    for value in values:
        validator.validate(value)
    return values[-1]


def parts(answer: TestResponse) -> list[str]:
    text = answer.get_data(as_text=True)
    if answer.mimetype == "text/event-stream":
        return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    return text.splitlines() if answer.mimetype == "application/x-jsonl" else [text]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["Hello there", ANSWER, "fail api_error", ""])
def test_messages(client: FlaskClient, worker: FakeWorker, text: str, stream: bool) -> None:
    answer = client.post("/v1/messages", json=messages_body(text, stream=stream))

    assert check(answer, "/v1/messages", "post")["type"] in {"message", "message_stop", "error"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["Hello there", ANSWER, "fail api_error"])
def test_chat_completions(client: FlaskClient, worker: FakeWorker, text: str, stream: bool) -> None:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
        "stream_options": {"include_usage": True},
    }
    answer = check(client.post("/v1/chat/completions", json=body), "/v1/chat/completions", "post")

    assert ("error" in answer) is (text == "fail api_error")
    assert ("usage" in answer) is (text != "fail api_error")


@pytest.mark.parametrize("stream", [False, True])
def test_completions(client: FlaskClient, worker: FakeWorker, stream: bool) -> None:
    answer = client.post("/v1/completions", json={"model": MODEL, "prompt": "Once", "stream": stream})

    assert check(answer, "/v1/completions", "post")["object"] == "text_completion"


def test_jobs(client: FlaskClient, worker: FakeWorker) -> None:
    job = check(client.post("/v1/jobs", json=messages_body(ANSWER)), "/v1/jobs", "post")
    path = f"/v1/jobs/{job['id']}"
    last = check(client.get(f"{path}/events"), "/v1/jobs/{job_id}/events")
    ended = check(client.get(path), "/v1/jobs/{job_id}")
    listed = check(client.get("/v1/jobs"), "/v1/jobs")
    canceled = check(client.post(f"{path}/cancel"), "/v1/jobs/{job_id}/cancel", "post")

    assert (last["type"], ended["status"], canceled) == ("message_stop", "succeeded", ended)
    assert [shown["id"] for shown in listed["data"]] == [job["id"]]


def test_batches(client: FlaskClient) -> None:
    params = {"max_tokens": 5, "model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    path = "/v1/messages/batches"
    batch = check(client.post(path, json={"requests": [{"custom_id": "a", "params": params}]}), path, "post")
    one = f"{path}/{batch['id']}"
    check(client.get(path), path)
    check(client.get(one), f"{path}/{{batch_id}}")
    refused = check(client.get(f"{one}/results"), f"{path}/{{batch_id}}/results")
    canceled = check(client.post(f"{one}/cancel"), f"{path}/{{batch_id}}/cancel", "post")

    assert refused["error"]["type"] == "invalid_request_error"
    assert canceled["processing_status"] in {"canceling", "ended"}


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/health/ready", "/openapi.json"])
def test_the_service_itself(client: FlaskClient, path: str) -> None:
    assert check(client.get(path), path)


def test_a_model(client: FlaskClient) -> None:
    assert check(client.get(f"/v1/models/{MODEL}"), "/v1/models/{name}")["id"] == MODEL


def test_tokens_are_counted(client: FlaskClient) -> None:
    answer = client.post("/v1/messages/count_tokens", json=messages_body("hi"))

    assert check(answer, "/v1/messages/count_tokens", "post") == {"input_tokens": len("<user>hi<assistant>")}
