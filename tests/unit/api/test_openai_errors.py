"""Errors on OpenAI's routes: always its envelope, with the codes that its clients look for."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.wire_openai.errors import envelope
from queue_config.errors import GenerationFailed, InvalidRequest, NotFound, PensieveError, PromptTooLong
from tests.support import api_fakes
from tests.support.api_fakes import MODEL

KEY = "the-key"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with api_fakes.client(max_body_bytes=10_000) as client:
        yield client


@pytest.mark.parametrize(
    ("error", "param", "code"),
    [
        (InvalidRequest("messages.3.content.0.text: Field required"), "messages[3].content[0].text", None),
        (InvalidRequest("The request body is not valid JSON: oh"), None, None),
        (NotFound("model: gpt-9"), "model", "model_not_found"),
        (NotFound("Not found"), None, None),
        (PromptTooLong(9, 5), "messages", "context_length_exceeded"),
        (GenerationFailed("timeout_error", "late: too late"), None, "timeout"),
    ],
)
def test_the_envelope_names_the_field_and_the_code(error: PensieveError, param: str | None, code: str | None) -> None:
    inner = envelope(error)["error"]

    assert (inner["param"], inner["code"]) == (param, code)


@pytest.mark.parametrize(
    ("path", "request_", "status", "inner"),
    [
        (
            "/v1/chat/completions",
            {"json": CHAT | {"n": 2}},
            400,
            {"message": "n: only 1 is supported; send the request again for another answer", "param": "n"},
        ),
        (
            "/v1/completions",
            {"json": {"model": MODEL, "prompt": [0x110000]}},
            400,
            {"message": "prompt: token ids should be less than 1114112", "param": "prompt"},
        ),
        (
            "/v1/chat/completions",
            {"json": CHAT | {"logit_bias": {"1114112": 1}}},
            400,
            {"message": "logit_bias: token ids should be less than 1114112", "param": "logit_bias"},
        ),
        (
            "/v1/chat/completions",
            {"data": b"{}"},
            415,
            {"message": "content-type: should be application/json", "param": None},
        ),
        (
            "/v1/chat/completions",
            {"json": CHAT | {"user": "x" * 20_000}},
            413,
            {"message": "The request body is too large", "param": None},
        ),
    ],
)
def test_the_callers_mistakes(
    client: FlaskClient, path: str, request_: dict[str, Any], status: int, inner: dict[str, Any]
) -> None:
    answer = client.post(path, **request_)

    assert answer.status_code == status
    assert answer.get_json() == {"error": {"type": "invalid_request_error", "code": None} | inner}
    assert answer.headers["x-request-id"] == answer.headers["request-id"]


def test_a_wrong_method_has_the_envelope_too(client: FlaskClient) -> None:
    answer = client.get("/v1/completions")

    assert (answer.status_code, set(answer.allow)) == (405, {"POST", "OPTIONS"})
    assert answer.get_json()["error"]["type"] == "invalid_request_error"


def test_without_redis_the_service_is_unavailable(client: FlaskClient) -> None:
    answer = client.post("/v1/chat/completions", json=CHAT)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.get_json()["error"] == {
        "message": "The queue can't be reached; try again soon.",
        "type": "server_error",
        "param": None,
        "code": "overloaded",
    }


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_the_key_nobody_is_served(key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with api_fakes.client(api_key=KEY) as client:
        answer = client.post("/v1/chat/completions", json=CHAT, headers=headers)

    assert answer.status_code == 401
    assert answer.get_json()["error"] == {
        "message": "No API key, or a wrong one; send it as `Authorization: Bearer KEY`.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
