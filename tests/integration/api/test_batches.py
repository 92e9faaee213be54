"""/v1/messages/batches over a real Redis and a scripted worker."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.batch_pump import BatchPump
from api.services import Services
from api.upkeep import kept_up
from api.wire.rfc3339 import rfc3339
from queue_config import keys
from queue_config.request import LANES
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker, script_of
from tests.support.api_fakes import MODEL, messages_body

PATH = "/v1/messages/batches"
UNKNOWN = "msgbatch_000000000000000000000000"


def services_of(client: FlaskClient) -> Services:
    services: Services = client.application.extensions["services"]
    return services


@pytest.fixture
def pumped(client: FlaskClient) -> Iterator[FlaskClient]:
    """The client of an application whose chores are done."""
    with kept_up(services_of(client)):
        yield client


def requests_of(*texts: str, **changes: Any) -> dict[str, Any]:
    """A batch's body, with the texts' places as custom ids."""
    numbered = enumerate(texts)
    return {"requests": [{"custom_id": f"n{at}", "params": messages_body(text, **changes)} for at, text in numbered]}


def create(client: FlaskClient, *texts: str, **changes: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=requests_of(*texts, **changes))
    assert answer.status_code == 200, answer.get_json()
    batch: dict[str, Any] = answer.get_json()
    return batch


def ended(client: FlaskClient, batch_id: str) -> dict[str, Any]:
    """The batch once it has ended."""
    give_up_at = time.monotonic() + 20
    while True:
        batch: dict[str, Any] = client.get(f"{PATH}/{batch_id}").get_json()
        if batch["processing_status"] == "ended":
            return batch
        assert time.monotonic() < give_up_at, batch
        time.sleep(0.02)


def results(client: FlaskClient, batch_id: str) -> dict[str, dict[str, Any]]:
    """Each request's result, by custom id; there is one line for each."""
    answer = client.get(f"{PATH}/{batch_id}/results")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-jsonl")
    lines = [orjson.loads(line) for line in answer.get_data().splitlines()]
    assert len({line["custom_id"] for line in lines}) == len(lines)
    return {line["custom_id"]: line["result"] for line in lines}


def counts(**ended_as: int) -> dict[str, int]:
    return {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0} | ended_as


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


def test_no_more_than_a_window_of_requests_is_ever_in_the_queue(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, batch_window=3, max_waiting=1) as client:
        services = services_of(client)
        create(client, *["hi"] * 8)
        create(client, *["hi"] * 8)
        pump = BatchPump(services)
        for _ in range(3):
            pump.turn()
        lanes = [redis.llen(key) for key in services.queue.queue_keys]
        interactive = client.post("/v1/jobs", json=messages_body("hello"))

    assert dict(zip(LANES, lanes, strict=True)) == {"interactive": 0, "background": 0, "batch": 3}
    assert (interactive.status_code, interactive.get_json()["position"]) == (202, 0)


def test_batches_are_taken_in_the_order_they_came(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, batch_window=4) as client:
        services = services_of(client)
        first, second = create(client, *"abc"), create(client, *"def")
        BatchPump(services).turn()

        assert [len(services.feed.flying(batch["id"])) for batch in (first, second)] == [3, 1]


def test_two_pumps_at_once_do_everything_once(redis: redis_py.Redis, redis_url: str, worker: FakeWorker) -> None:
    texts = [f"word{n}" for n in range(60)]
    with (
        api_fakes.client(redis_url, batch_window=20) as one,
        api_fakes.client(redis_url, batch_window=20) as other,
    ):
        batch_id = create(one, *texts)["id"]
        pumps = [BatchPump(services_of(client)) for client in (one, other)]
        give_up_at = time.monotonic() + 20
        while one.get(f"{PATH}/{batch_id}").get_json()["processing_status"] != "ended":
            assert time.monotonic() < give_up_at
            for pump in pumps:
                pump.turn()
        batch = ended(one, batch_id)

        assert batch["request_counts"] == counts(succeeded=60)
        assert len(results(one, batch_id)) == 60
    assert Counter(map(script_of, worker.taken)) == Counter(texts)


def test_a_launch_that_another_process_was_quicker_with_changes_nothing(client: FlaskClient) -> None:
    services = services_of(client)
    batch_id = create(client, "a", "b", "c")["id"]
    numbers, _ = services.feed.next(batch_id, 2)
    first = services.feed.launch(batch_id, numbers, [])
    second = services.feed.launch(batch_id, numbers, [])

    assert (first, second, services.feed.next(batch_id, 9)[0]) == (True, False, [2])


def test_a_canceled_batch_launches_nothing_more(client: FlaskClient) -> None:
    services = services_of(client)
    batch_id = create(client, "a")["id"]
    numbers, _ = services.feed.next(batch_id, 1)
    client.post(f"{PATH}/{batch_id}/cancel")

    assert services.feed.launch(batch_id, numbers, []) is False


def test_canceling_ends_what_waits_and_what_runs_and_keeps_what_was_answered(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker
) -> None:
    with api_fakes.client(redis_url, batch_window=3) as client, kept_up(services_of(client)):
        batch_id = create(client, "quick", "hang", "hang", "hang", *["never begun"] * 300)["id"]
        worker.wait_until_taken(4)
        canceling = client.post(f"{PATH}/{batch_id}/cancel").get_json()
        batch = ended(client, batch_id)
        again = client.post(f"{PATH}/{batch_id}/cancel").get_json()
        found = results(client, batch_id)

    assert (canceling["processing_status"], canceling["request_counts"]) == ("canceling", counts(processing=304))
    assert canceling["cancel_initiated_at"] == batch["cancel_initiated_at"] is not None
    assert batch["request_counts"] == counts(succeeded=1, canceled=303)
    assert again == batch
    assert found["n0"]["type"] == "succeeded"
    assert found["n1"] == found["n303"] == {"type": "canceled"}


def test_what_has_no_answer_after_a_day_is_expired(redis: redis_py.Redis, redis_url: str, worker: FakeWorker) -> None:
    with api_fakes.client(redis_url, batch_expires_s=1_000.0, batch_window=2) as client, kept_up(services_of(client)):
        new = create(client, "quick", "hang", "hang", "never begun")
        worker.wait_until_taken(3)
        deadlines = {rfc3339(request.deadline_at) for request in worker.taken}
        redis.hset(keys.batch(new["id"]), "expires_at", time.time())
        for request in worker.taken[1:]:
            # What a real worker does by itself at the deadline.
            worker.end_expired(request.id)
        batch_id = new["id"]
        batch = ended(client, batch_id)
        found = results(client, batch_id)

    assert deadlines == {new["expires_at"]}
    assert batch["request_counts"] == counts(succeeded=1, expired=3)
    assert found["n3"] == {"type": "expired"}


def test_an_expired_batch_ends_though_no_worker_answers(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.batch_pump.GRACE_S", 0.2)
    with api_fakes.client(redis_url) as client, kept_up(services_of(client)):
        batch_id = create(client, "hang")["id"]
        (request,) = worker.wait_until_taken(1)
        redis.hset(keys.batch(batch_id), "expires_at", time.time())
        batch = ended(client, batch_id)
        worker.wait_until_canceled(request.id)

    assert batch["request_counts"] == counts(expired=1)


def test_a_message_that_redis_forgot_is_sent_again(
    redis: redis_py.Redis, pumped: FlaskClient, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.batch_pump.AUDIT_S", 0.1)
    services = services_of(pumped)
    batch_id = create(pumped, "hello")["id"]
    give_up_at = time.monotonic() + 10
    while not (flying := services.feed.flying(batch_id)):
        assert time.monotonic() < give_up_at
    (job_id,) = flying
    redis.lrem(services.queue.queue_keys[2], 1, job_id)
    redis.delete(f"rq:job:{job_id}")
    with FakeWorker(redis_url) as worker:
        batch = ended(pumped, batch_id)
        taken = [request.id for request in worker.taken]

    assert batch["request_counts"] == counts(succeeded=1)
    assert (len(taken), job_id in taken) == (1, False)


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
