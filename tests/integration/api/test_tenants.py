"""Two keys at one service: neither sees anything of the other's, takes its place or outruns its own limits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from queue_config.api_keys import SCOPES, KeyFile, Limits
from queue_config.request import GenerationRequest
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body


@pytest.fixture
def app(redis: redis_py.Redis, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    KeyFile(tmp_path).create("first", SCOPES, Limits())
    with api_fakes.application(redis_url, home=tmp_path, max_waiting=8) as app:
        yield app


def client_of(app: Flask, tmp_path: Path, name: str, **limits: int) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = KeyFile(tmp_path).create(name, ("messages", "batches"), Limits(**limits))
    return client


def create(client: FlaskClient, text: str = "hi", **headers: str) -> TestResponse:
    return client.post("/v1/jobs", json=messages_body(text), headers=headers)


def test_what_is_one_keys_is_unknown_to_another(app: Flask, tmp_path: Path) -> None:
    mine, yours = (client_of(app, tmp_path, name) for name in ("mine", "yours"))
    job: dict[str, Any] = create(mine).get_json()
    body = {"requests": [{"custom_id": "x", "params": messages_body()}]}
    batch = mine.post("/v1/messages/batches", json=body).get_json()
    asked = [
        ("GET", f"/v1/jobs/{job['id']}"),
        ("GET", f"/v1/jobs/{job['id']}/events"),
        ("POST", f"/v1/jobs/{job['id']}/cancel"),
        ("GET", f"/v1/messages/batches/{batch['id']}"),
        ("GET", f"/v1/messages/batches/{batch['id']}/results"),
        ("POST", f"/v1/messages/batches/{batch['id']}/cancel"),
        ("DELETE", f"/v1/messages/batches/{batch['id']}"),
    ]
    answers = [yours.open(path, method=method) for method, path in asked]
    unknown = [
        yours.open(path.replace(job["id"], "msg_0").replace(batch["id"], "msgbatch_0"), method=method)
        for method, path in asked
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert [answer.get_json()["error"] for answer in answers] == [answer.get_json()["error"] for answer in unknown]
    assert [yours.get(path).get_json()["data"] for path in ("/v1/jobs", "/v1/messages/batches")] == [[], []]
    assert [job["id"] for job in mine.get("/v1/jobs").get_json()["data"]] == [job["id"]]
    assert mine.get(f"/v1/jobs/{job['id']}").get_json()["status"] == "queued"


def test_the_same_idempotency_key_means_something_else_to_each(app: Flask, tmp_path: Path) -> None:
    mine, yours = (client_of(app, tmp_path, name) for name in ("mine", "yours"))
    ids = [create(client, Idempotency_Key="k").get_json()["id"] for client in (mine, yours, mine)]

    assert ids[0] == ids[2] != ids[1]


def test_requests_carry_their_keys_salt_so_no_cache_is_shared(app: Flask, tmp_path: Path, worker: FakeWorker) -> None:
    mine, yours = (client_of(app, tmp_path, name) for name in ("mine", "yours"))
    for client in (mine, yours, mine):
        create(client)
    salts = [request.salt for request in worker.wait_until_taken(3)]

    assert salts[0] == salts[2] != salts[1]
    assert "" not in salts


def test_a_flood_leaves_places_free_and_waits_behind_a_newcomer(
    app: Flask, tmp_path: Path, redis: redis_py.Redis
) -> None:
    flood, newcomer = (client_of(app, tmp_path, name) for name in ("flood", "newcomer"))
    statuses = [create(flood).status_code for _ in range(6)]
    refused = create(flood)
    job = create(newcomer).get_json()

    assert statuses == [202, 202, 202, 202, 529, 529]
    assert refused.get_json()["error"]["message"] == "Too many requests of this API key are waiting; try again soon."
    assert job["position"] == 1


def test_what_was_accepted_is_told_again_though_nothing_more_gets_in(app: Flask, tmp_path: Path) -> None:
    mine = client_of(app, tmp_path, "mine")
    first = create(mine, Idempotency_Key="k").get_json()
    while create(mine).status_code == 202:
        pass

    assert create(mine, Idempotency_Key="k").get_json()["id"] == first["id"]


def test_a_key_hears_what_it_has_left_and_when_to_come_back(app: Flask, tmp_path: Path) -> None:
    limited = client_of(app, tmp_path, "limited", requests_per_minute=1, input_tokens_per_minute=5_000)
    first, second = create(limited), create(limited)
    told = {
        name.removeprefix("anthropic-ratelimit-"): value
        for name, value in first.headers
        if name.startswith("anthropic-ratelimit-") and not name.endswith("reset")
    }

    assert told == {
        "requests-limit": "1",
        "requests-remaining": "0",
        "input-tokens-limit": "5000",
        "input-tokens-remaining": "5000",
    }
    assert second.status_code == 429
    assert second.get_json()["error"] == {
        "type": "rate_limit_error",
        "message": "This request would exceed this API key's rate limit of 1 requests per minute.",
    }
    assert 55 <= int(second.headers["retry-after"]) <= 60
    assert second.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


def test_openais_clients_hear_of_a_limit_in_their_own_words(app: Flask, tmp_path: Path) -> None:
    limited = client_of(app, tmp_path, "limited", requests_per_minute=1)
    create(limited)
    answer = limited.post("/v1/chat/completions", json=messages_body())

    assert answer.status_code == 429
    assert answer.get_json()["error"] | {"message": ""} == {
        "message": "",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }


def test_prompts_are_charged_by_their_true_size(app: Flask, tmp_path: Path) -> None:
    limited = client_of(app, tmp_path, "limited", input_tokens_per_minute=1_000)
    create(limited, "x" * 900)
    answer = create(limited, "y" * 900)

    assert answer.status_code == 429
    assert int(answer.headers["anthropic-ratelimit-input-tokens-remaining"]) < 110


def test_a_key_may_wait_for_so_many_answers_at_a_time(app: Flask, tmp_path: Path, worker: FakeWorker) -> None:
    limited = client_of(app, tmp_path, "limited", streams=1)
    body = messages_body("hang", stream=True)
    open_stream = limited.post("/v1/messages", json=body)
    refused = limited.post("/v1/messages", json=body)
    request: GenerationRequest = worker.wait_until_taken(1)[0]
    refused.close()
    open_stream.close()
    worker.wait_until_canceled(request.id)
    again = limited.post("/v1/messages", json=messages_body("hi"))

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert again.status_code == 200


def test_a_body_is_not_read_where_there_is_no_room(app: Flask, tmp_path: Path) -> None:
    mine = client_of(app, tmp_path, "mine")
    while create(mine).status_code == 202:
        pass
    answer = mine.post("/v1/jobs", data=b"no JSON at all", content_type="application/json")

    assert answer.status_code == 529
    assert json.loads(answer.data)["error"]["type"] == "overloaded_error"
