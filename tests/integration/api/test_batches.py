"""/v1/messages/batches over a real Redis and a scripted worker."""

from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from queue_config import keys
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL, messages_body
from tests.support.batches import PATH, counts, create, ended, requests_of, results

UNKNOWN = "msgbatch_000000000000000000000000"


def test_a_new_batch_says_all_that_clients_read(client: FlaskClient) -> None:
    batch = create(client, "one", "two")

    assert batch == {
        "id": batch["id"],
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": counts(processing=2),
        "created_at": batch["created_at"],
        "expires_at": batch["expires_at"],
        "ended_at": None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": None,
    }
    assert batch["id"].startswith("msgbatch_")
    assert client.get(f"{PATH}/{batch['id']}").get_json() == batch


def test_a_batch_runs_to_its_end_with_one_result_for_each_request(pumped: FlaskClient, worker: FakeWorker) -> None:
    batch = ended(pumped, create(pumped, "Hello there", "fail api_error", "good bye")["id"])
    found = results(pumped, batch["id"])

    assert batch["request_counts"] == counts(succeeded=2, errored=1)
    assert batch["results_url"] == f"http://localhost{PATH}/{batch['id']}/results"
    assert {name: result["type"] for name, result in found.items()} == {
        "n0": "succeeded",
        "n1": "errored",
        "n2": "succeeded",
    }
    message = found["n0"]["message"]
    assert (message["content"], message["model"]) == ([{"type": "text", "text": "Hello there "}], MODEL)
    assert message["id"] in {request.id for request in worker.taken}
    error = found["n1"]["error"]
    assert error | {"request_id": "req"} == {
        "type": "error",
        "error": {"type": "api_error", "message": "It was scripted to fail."},
        "request_id": "req",
    }
    assert error["request_id"].startswith("req_")
    assert {request.lane for request in worker.taken} == {"batch"}


def test_a_request_that_is_wrong_is_an_errored_result_and_not_a_refused_batch(
    pumped: FlaskClient, worker: FakeWorker
) -> None:
    params: list[dict[str, Any]] = [
        {},
        messages_body("hi", max_tokens="many"),
        messages_body("hi", stream=True),
        messages_body("hi", model="gpt-9"),
        messages_body("x" * 5000),
        messages_body("fine", stream=False),
    ]
    body = {"requests": [{"custom_id": f"n{at}", "params": given} for at, given in enumerate(params)]}
    batch = ended(pumped, pumped.post(PATH, json=body).get_json()["id"])
    found = results(pumped, batch["id"])

    assert batch["request_counts"] == counts(succeeded=1, errored=5)
    assert [found[f"n{at}"]["error"]["error"]["message"] for at in range(5)] == [
        "model: Field required",
        "max_tokens: Input should be a valid integer",
        "stream: requests of a batch can't be streamed",
        "model: gpt-9",
        "prompt is too long: 5017 tokens > 2000 maximum",
    ]
    assert found["n3"]["error"]["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "requests: Field required"),
        ({"requests": []}, "requests: List should have at least 1 item after validation, not 0"),
        (requests_of(*"abcdef"), "requests: List should have at most 5 items after validation, not 6"),
        ({"requests": [{"params": {}}]}, "requests.0.custom_id: Field required"),
        ({"requests": [{"custom_id": "a"}]}, "requests.0.params: Field required"),
        ({"requests": [{"custom_id": "a", "params": 1}]}, "requests.0.params: Input should be an object"),
        (
            {"requests": [{"custom_id": "a b", "params": {}}]},
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            {"requests": [{"custom_id": "a" * 65, "params": {}}]},
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            {"requests": [{"custom_id": "a", "params": {}}] * 2},
            "requests.1.custom_id: is the same as that of requests.0; it should be unique",
        ),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole_is_refused_and_leaves_nothing(
    redis: redis_py.Redis, redis_url: str, body: dict[str, Any], message: str
) -> None:
    with api_fakes.client(redis_url, max_batch_requests=5) as client:
        answer = client.post(PATH, json=body)

    assert (answer.status_code, answer.get_json()["error"]["message"]) == (400, message)
    assert redis.keys("pensieve:batch*") == []


def test_a_batch_may_be_larger_than_a_message_but_not_endless(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, max_body_bytes=1_000, max_batch_body_bytes=3_000) as client:
        larger = client.post(PATH, json=requests_of("x" * 1_500))
        endless = client.post(PATH, json=requests_of("x" * 3_500))

    assert larger.status_code == 200
    assert (endless.status_code, endless.get_json()["error"]["type"]) == (413, "request_too_large")


def test_batches_may_not_fill_redis(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, max_batch_held_bytes=3_000) as client:
        statuses = [client.post(PATH, json=requests_of("x" * 1_200)).status_code for _ in range(3)]

    assert statuses == [200, 200, 529]


def test_an_ended_batch_can_be_deleted_and_a_running_one_can_not(pumped: FlaskClient, worker: FakeWorker) -> None:
    running = create(pumped, "hang")["id"]
    refused = pumped.delete(f"{PATH}/{running}")
    early = pumped.get(f"{PATH}/{running}/results")
    gone = ended(pumped, create(pumped, "hi")["id"])["id"]
    deleted = pumped.delete(f"{PATH}/{gone}")

    assert (refused.status_code, refused.get_json()["error"]["type"]) == (400, "invalid_request_error")
    assert early.status_code == 400
    assert deleted.get_json() == {"id": gone, "type": "message_batch_deleted"}
    assert [pumped.get(f"{PATH}/{gone}{rest}").status_code for rest in ("", "/results")] == [404, 404]
    assert [batch["id"] for batch in pumped.get(PATH).get_json()["data"]] == [running]


def test_nothing_of_an_ended_batch_stays_for_ever(
    redis: redis_py.Redis, pumped: FlaskClient, worker: FakeWorker
) -> None:
    batch_id = ended(pumped, create(pumped, "hi", "fail api_error")["id"])["id"]
    lasting = [key for key in redis.keys(f"*{batch_id}*") if redis.ttl(key) < 0]
    kept_s = redis.ttl(keys.batch_results(batch_id))

    assert lasting == []
    assert 28 * 86_400 < kept_s <= 29 * 86_400
    assert redis.zcard(keys.BATCHES_ACTIVE) == 0


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/results")])
@pytest.mark.parametrize("batch_id", [UNKNOWN, "msg_1", "msgbatch_a:b"])
def test_an_unknown_batch_is_404(client: FlaskClient, method: str, path: str, batch_id: str) -> None:
    answer = client.open(f"{PATH}/{batch_id}{path}", method=method)

    assert (answer.status_code, answer.get_json()["error"]["type"]) == (404, "not_found_error")


def test_a_batch_is_its_creators_alone(redis: redis_py.Redis, redis_url: str) -> None:
    with (
        api_fakes.client(redis_url, api_key="mine") as mine,
        api_fakes.client(redis_url, api_key="yours") as yours,
    ):
        headers = {"x-api-key": "mine"}, {"x-api-key": "yours"}
        batch_id = mine.post(PATH, json=requests_of("hi"), headers=headers[0]).get_json()["id"]
        found = [
            client.get(f"{PATH}/{batch_id}", headers=header).status_code
            for client, header in zip((mine, yours), headers, strict=True)
        ]
        listed = [
            len(client.get(PATH, headers=header).get_json()["data"])
            for client, header in zip((mine, yours), headers, strict=True)
        ]

    assert (found, listed) == ([200, 404], [1, 0])


def test_requests_of_a_batch_are_no_jobs(pumped: FlaskClient, worker: FakeWorker) -> None:
    ended(pumped, create(pumped, "hi")["id"])
    (request,) = worker.taken

    assert pumped.get(f"/v1/jobs/{request.id}").status_code == 404
    assert pumped.get("/v1/jobs").get_json()["data"] == []
