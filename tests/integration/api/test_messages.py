"""POST /v1/messages over a real Redis and a scripted worker."""

from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from queue_config.connection import connect
from queue_config.control import Control
from queue_config.job_queue import JobQueue
from tests.support import api_fakes, api_sse
from tests.support import api_stream_grammar as grammar
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import CONTEXT_TOKENS, MODEL, messages_body


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
