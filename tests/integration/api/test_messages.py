"""POST /v1/messages over a real Redis and a scripted worker."""

import json
from dataclasses import replace
from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from queue_config.connection import connect
from queue_config.control import Control
from queue_config.job_queue import JobQueue
from queue_config.request import AnswerPlan
from tests.support import api_fakes, api_sse
from tests.support import api_stream_grammar as grammar
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import CONTEXT_TOKENS, MODEL, messages_body

TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def answer(reason: str, *pieces: list[str]) -> str:
    """The script for an answer of these pieces."""
    return f"answer {reason} {json.dumps(pieces)}"


def post(client: FlaskClient, text: str, **changes: Any) -> TestResponse:
    return client.post("/v1/messages?beta=true", json=messages_body(text, **changes))


def test_a_whole_message_says_all_that_clients_read(client: FlaskClient, worker: FakeWorker) -> None:
    answer = post(client, "Hello there")

    request = worker.taken[0]
    assert answer.status_code == 200
    assert answer.get_json() == {
        "id": request.id,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": "Hello there "}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": len("<user>Hello there<assistant>"),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"thinking_tokens": 0},
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": None,
            "speed": "standard",
        },
    }


def test_a_streamed_message_is_the_same_message(client: FlaskClient, worker: FakeWorker) -> None:
    streamed = post(client, "one two three", stream=True)
    events = api_sse.read_text(streamed.get_data(as_text=True))
    whole = post(client, "one two three").get_json()

    message = grammar.read([event.data for event in events])
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert streamed.headers["cache-control"] == "no-cache"
    assert message | {"id": whole["id"]} == whole
    assert [event.id for event in events] == [None] * len(events)
    assert all(event.name == event.data["type"] for event in events)


def test_a_claude_name_is_served_and_the_answer_says_by_whom(client: FlaskClient, worker: FakeWorker) -> None:
    assert post(client, "hi", model="claude-sonnet-4-5").get_json()["model"] == MODEL


def test_sampling_reaches_the_worker_with_a_seed_of_its_own(client: FlaskClient, worker: FakeWorker) -> None:
    for _ in range(2):
        post(client, "hi", temperature=0, top_p=0.5, top_k=3, stop_sequences=["END"], max_tokens=7)

    first, second = (request.sampling for request in worker.taken)
    assert (first.temperature, first.top_p, first.top_k, first.stop, first.max_tokens) == (0, 0.5, 3, ("END",), 7)
    assert first.seed != second.seed


def test_a_background_request_of_claude_code_takes_the_background_lane(client: FlaskClient, worker: FakeWorker) -> None:
    for app in ("cli", "cli-bg"):
        client.post("/v1/messages", json=messages_body(), headers={"x-app": app})

    assert [request.lane for request in worker.taken] == ["interactive", "background"]


def test_what_is_wished_of_the_answer_reaches_the_worker_as_a_plan(client: FlaskClient, worker: FakeWorker) -> None:
    post(
        client,
        "hi",
        max_tokens=1500,
        tools=[TOOL, TOOL | {"name": "other"}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    post(client, "hi", tools=[TOOL], tool_choice={"type": "none"})
    post(client, "hi", tools=[TOOL], tool_choice={"type": "any"}, thinking={"type": "adaptive"})
    post(client, "hi")

    called, forbidden, forced, plain = (request.answer for request in worker.taken)
    assert replace(called, grammar="") == AnswerPlan(
        tools=("weather", "other"), thinking=True, thinking_budget=1024, max_calls=1
    )
    assert (forbidden.tools, forced.tools, forced.thinking) == ((), ("weather",), False)
    assert "weather" in called.grammar
    assert "weather" in forced.grammar
    assert plain == AnswerPlan()


def test_a_schema_that_nothing_can_fit_is_the_callers_mistake(client: FlaskClient) -> None:
    broken = {"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}, "required": ["a"]}
    of_text = post(client, "hi", output_config={"format": {"type": "json_schema", "schema": broken}})
    of_tool = post(client, "hi", tools=[TOOL | {"input_schema": broken, "strict": True}])

    assert (of_text.status_code, of_tool.status_code) == (400, 400)
    assert of_text.get_json()["error"]["message"].startswith("output_config.format.schema: ")
    assert of_tool.get_json()["error"]["message"].startswith("tools: input_schema of 'weather': ")


def test_thinking_text_and_calls_come_as_blocks_whole_and_streamed(client: FlaskClient, worker: FakeWorker) -> None:
    script = answer(
        "tool_use", ["thinking", "Hm."], ["text", "Look:"], ["tool", "toolu_1", "weather"], ["input", '{"city": "Ulm"}']
    )
    asked: dict[str, Any] = {"tools": [TOOL], "thinking": {"type": "adaptive"}}
    whole = post(client, script, **asked).get_json()
    streamed = grammar.read(
        [event.data for event in api_sse.read_text(post(client, script, stream=True, **asked).get_data(as_text=True))]
    )

    thinking, text, call = whole["content"]
    assert (thinking["type"], thinking["thinking"]) == ("thinking", "Hm.")
    assert (text, call) == (
        {"type": "text", "text": "Look:"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Ulm"}},
    )
    assert whole["stop_reason"] == "tool_use"
    assert whole["usage"]["output_tokens_details"] == {"thinking_tokens": 1}
    assert streamed | {"id": whole["id"]} == whole


def test_thinking_that_was_omitted_is_in_the_next_prompt_all_the_same(client: FlaskClient, worker: FakeWorker) -> None:
    omitted = {"type": "adaptive", "display": "omitted"}
    first = post(client, answer("end_turn", ["thinking", "Secret."], ["text", "Hi."]), thinking=omitted).get_json()
    history = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "two"},
    ]
    client.post("/v1/messages", json=messages_body() | {"messages": history})

    assert first["content"][0]["thinking"] == ""
    assert "".join(map(chr, worker.taken[1].prompt)) == "<user>one<assistant><thought>Secret.Hi.<user>two<assistant>"


def test_a_job_shows_its_answer_as_the_message_would(client: FlaskClient, worker: FakeWorker) -> None:
    asked = messages_body(
        answer("tool_use", ["thinking", "Secret."], ["tool", "toolu_1", "Bash"], ["input", '{"command": "sudo ls"}']),
        thinking={"type": "adaptive", "display": "omitted"},
        context_management={"edits": []},
        safeguards=[{"type": "dangerous_tool_use"}],
    )
    message = client.post("/v1/messages", json=asked).get_json()
    job = client.post("/v1/jobs", json=asked).get_json()
    followed = client.get(f"/v1/jobs/{job['id']}/events").get_data(as_text=True)
    result = client.get(f"/v1/jobs/{job['id']}").get_json()["result"]

    assert result | {"id": message["id"]} == message
    assert grammar.read([event.data for event in api_sse.read_text(followed)]) == result
    assert result["context_management"] == {"applied_edits": []}
    assert result["safeguard_results"][0]["status"]["tool_uses"]["toolu_1"]["outcome"] == "flagged"


def test_max_tokens_is_clamped_to_what_the_prompt_leaves(client: FlaskClient, worker: FakeWorker) -> None:
    post(client, "hi", max_tokens=1_000_000)

    assert worker.taken[0].sampling.max_tokens == CONTEXT_TOKENS - len("<user>hi<assistant>")


def test_a_request_for_no_tokens_is_answered_with_none(client: FlaskClient, worker: FakeWorker) -> None:
    message = post(client, "hi", max_tokens=0).get_json()

    assert (message["content"], message["stop_reason"]) == ([], "max_tokens")


@pytest.mark.parametrize(("kind", "status"), [("api_error", 500), ("overloaded_error", 529), ("timeout_error", 504)])
def test_a_failure_of_the_worker_has_its_status_whole_and_its_event_streamed(
    client: FlaskClient, worker: FakeWorker, kind: str, status: int
) -> None:
    whole = post(client, f"fail {kind}")
    streamed = post(client, f"fail {kind}", stream=True)

    error = {"type": kind, "message": "It was scripted to fail."}
    last = api_sse.read_text(streamed.get_data(as_text=True))[-1]
    assert (whole.status_code, whole.get_json()["error"]) == (status, error)
    assert (streamed.status_code, last.name, last.data["error"]) == (200, "error", error)
    assert last.data["request_id"] == streamed.headers["request-id"]


def test_pings_come_on_the_wall_clock_while_nothing_else_does(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, ping_interval_s=0.0) as client:
        answer = post(client, "nobody takes this", stream=True)
        events = answer.iter_encoded()
        names = [next(events).split(b"\n")[0] for _ in range(3)]
        answer.close()

    assert names == [b"event: message_start", b"event: ping", b"event: ping"]


def test_a_long_silence_opens_the_block_that_will_come_and_says_nothing_in_it(
    redis: redis_py.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reading.OPENS_AFTER_S", 0.0)
    with api_fakes.client(redis_url, ping_interval_s=0.0) as client:
        answer = post(client, "nobody takes this", stream=True, thinking={"type": "adaptive"})
        events = answer.iter_encoded()
        frames = [api_sse.read_text(next(events).decode())[0].data for _ in range(8)]
        answer.close()

    empty = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": ""}}
    assert [frame for frame in frames if frame["type"] != "ping"][1:4] == [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        empty,
        empty,
    ]


def test_closing_a_queued_stream_takes_it_out_of_the_queue(client: FlaskClient, redis_url: str) -> None:
    answer = post(client, "nobody takes this", stream=True)
    next(answer.iter_encoded())
    answer.close()

    assert waiting(redis_url) == 0


def test_closing_a_running_stream_tells_the_worker(client: FlaskClient, worker: FakeWorker, redis_url: str) -> None:
    answer = post(client, "hang", stream=True)
    next(answer.iter_encoded())
    (request,) = worker.wait_until_taken(1)
    answer.close()

    worker.wait_until_canceled(request.id)
    with connect(redis_url) as redis:
        assert Control(redis).canceled_among([request.id]) == [request.id]


def test_a_stream_read_to_its_end_is_not_cancelled_afterwards(client: FlaskClient, worker: FakeWorker) -> None:
    answer = post(client, "one two", stream=True)
    answer.get_data()
    answer.close()

    assert worker.canceled == {}


def test_more_than_may_wait_are_refused_at_once(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, max_waiting=2) as client:
        statuses = [client.post("/v1/jobs", json=messages_body()).status_code for _ in range(3)]
        refused = post(client, "one more")

    assert statuses == [202, 202, 529]
    assert (refused.status_code, refused.headers["retry-after"]) == (529, "5")
    assert refused.get_json()["error"]["type"] == "overloaded_error"


def test_a_request_that_nobody_takes_expires_at_its_deadline(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, deadline_s=0.1) as client:
        whole = post(client, "nobody takes this")
        streamed = post(client, "nor this", stream=True)
        first, *_, last = api_sse.read_text(streamed.get_data(as_text=True))
        job = client.get(f"/v1/jobs/{first.data['message']['id']}").get_json()

    assert (whole.status_code, whole.get_json()["error"]["type"]) == (504, "timeout_error")
    assert (last.name, last.data["error"]["type"]) == ("error", "timeout_error")
    assert job["status"] == "expired"
    assert waiting(redis_url) == 0


def test_a_worker_that_lets_the_deadline_pass_is_not_waited_for(
    worker: FakeWorker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reading.GRACE_S", 0.0)
    with api_fakes.client(redis_url, deadline_s=0.5) as client:
        whole = post(client, "hang")
        streamed = post(client, "hang", stream=True)
        last = api_sse.read_text(streamed.get_data(as_text=True))[-1]
        streamed.close()

    assert (whole.status_code, whole.get_json()["error"]["type"]) == (504, "timeout_error")
    assert (last.name, last.data["error"]["type"]) == ("error", "timeout_error")
    for request in worker.taken:
        worker.wait_until_canceled(request.id)


def waiting(redis_url: str) -> int:
    with connect(redis_url) as redis:
        return JobQueue(redis, MODEL, max_waiting=1, result_ttl_s=1).waiting()
