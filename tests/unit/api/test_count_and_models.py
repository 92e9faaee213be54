"""count_tokens and the list of models need neither worker nor Redis."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support import api_fakes
from tests.support.api_fakes import CONTEXT_TOKENS, MODEL, messages_body


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with api_fakes.client() as client:
        yield client


def test_tokens_are_counted_with_the_chat_format(client: FlaskClient) -> None:
    answer = client.post(
        "/v1/messages/count_tokens?beta=true",
        json={"model": MODEL, "messages": [{"role": "user", "content": "abc"}], "tools": []},
    )

    assert answer.get_json() == {"input_tokens": len("<user>abc<assistant>")}


def test_a_prompt_that_the_format_cannot_say_is_the_callers_mistake(client: FlaskClient) -> None:
    answer = client.post("/v1/messages/count_tokens", json=messages_body("a\0b"))

    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"] == "messages: this model has no word for NUL"


def test_a_prompt_beyond_the_context_is_refused_in_the_words_that_clients_read(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body("x" * CONTEXT_TOKENS))

    assert answer.status_code == 400
    assert answer.get_json()["error"] == {
        "type": "invalid_request_error",
        "message": f"prompt is too long: {CONTEXT_TOKENS + len('<user><assistant>')} tokens > {CONTEXT_TOKENS} maximum",
    }


def test_a_prompt_far_beyond_the_context_is_refused_unread(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body("\0" * 200_000))

    # Had it been read, the NULs would have been the trouble.
    assert answer.get_json()["error"]["message"] == "prompt is too long: 50000 tokens > 2000 maximum"


def test_the_list_holds_the_served_model(client: FlaskClient) -> None:
    listed = client.get("/v1/models?limit=1000&lifecycle[]=active").get_json()

    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == (MODEL, MODEL, False)
    assert [info["id"] for info in listed["data"]] == [MODEL]
    assert listed["data"][0]["max_input_tokens"] == CONTEXT_TOKENS


def test_the_list_holds_only_models_of_the_wanted_lifecycles(client: FlaskClient) -> None:
    def listed(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get(f"/v1/models?{query}").get_json()["data"]
        return found

    assert listed("lifecycle[]=deprecated&lifecycle[]=retired") == []
    assert len(listed("lifecycle[]=deprecated&lifecycle[]=active")) == 1


def test_what_the_model_can_do_is_told_as_it_is(client: FlaskClient) -> None:
    info = client.get(f"/v1/models/{MODEL}").get_json()

    supported = {name: support["supported"] for name, support in info["capabilities"].items()}
    assert {name for name, is_so in supported.items() if is_so} == {"batch", "effort", "structured_outputs", "thinking"}
    assert (info["max_input_tokens"], info["max_tokens"]) == (CONTEXT_TOKENS, CONTEXT_TOKENS)


def test_everything_that_the_prompt_shows_is_counted(client: FlaskClient) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    asked = messages_body(
        "abc",
        system="Be brief.",
        tools=[{"name": "weather", "description": "Tells it.", "input_schema": schema}],
        thinking={"type": "adaptive"},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )

    counted = client.post("/v1/messages/count_tokens", json=asked).get_json()["input_tokens"]

    written = (
        f"<tool>weather Tells it. {json.dumps(schema)}<system>Be brief.\n\nAnswer with JSON only, fitting this JSON "
        'Schema:\n{"type": "object"}<user>abc<assistant><think>'
    )
    assert counted == len(written)


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/api/hello", 204)])
def test_greetings_are_answered_without_a_key(path: str, status: int) -> None:
    with api_fakes.client(api_key="secret") as client:
        answer = client.head(path)

    assert (answer.status_code, answer.data) == (status, b"")


@pytest.mark.parametrize("cursor", ["after_id", "before_id"])
def test_nothing_comes_before_or_after_the_only_model(client: FlaskClient, cursor: str) -> None:
    assert client.get(f"/v1/models?{cursor}={MODEL}").get_json() == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


@pytest.mark.parametrize("name", [MODEL, "claude-sonnet-4-5", "claude-opus-5-5"])
def test_the_model_and_its_claude_names_are_found(client: FlaskClient, name: str) -> None:
    info = client.get(f"/v1/models/{name}").get_json()

    assert (info["type"], info["id"], info["lifecycle"]) == ("model", MODEL, "active")


def test_health_answers_without_redis_and_readiness_says_what_is_missing(client: FlaskClient) -> None:
    live = client.get("/health")
    ready = client.get("/health/ready")

    assert (live.status_code, live.get_json()["status"]) == (200, "ok")
    assert (ready.status_code, ready.get_json()["missing"]) == (503, ["redis", "worker"])
