"""Idempotency-Key: the same request twice is one job, whatever happens in between."""

import threading
from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from queue_config import keys
from tests.support import api_fakes, api_sse
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body

MESSAGES, JOBS, BATCHES = "/v1/messages", "/v1/jobs", "/v1/messages/batches"


def post(client: FlaskClient, path: str, body: dict[str, Any], key: str = "k") -> TestResponse:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def body_of(path: str, text: str = "one two") -> dict[str, Any]:
    params = messages_body(text)
    return {"requests": [{"custom_id": "a", "params": params}]} if path == BATCHES else params


def test_a_whole_message_asked_for_again_is_the_same_message(client: FlaskClient, worker: FakeWorker) -> None:
    first, second = (post(client, MESSAGES, messages_body("one two")) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert first.get_json() == second.get_json()
    assert len(worker.taken) == 1


def test_an_ended_stream_asked_for_again_is_told_from_its_start(client: FlaskClient, worker: FakeWorker) -> None:
    first, second = (
        api_sse.read_text(post(client, MESSAGES, messages_body("a b c", stream=True)).get_data(as_text=True))
        for _ in range(2)
    )

    assert [event.data for event in first] == [event.data for event in second]
    assert len(worker.taken) == 1


def test_who_comes_back_for_a_running_answer_gets_all_of_it(client: FlaskClient, worker: FakeWorker) -> None:
    body = messages_body("trickle 8", stream=True)
    left = post(client, MESSAGES, body)
    next(left.iter_encoded())
    worker.wait_until_taken(1)
    left.close()
    events = api_sse.read_text(post(client, MESSAGES, body).get_data(as_text=True))

    text = "".join(event.data["delta"]["text"] for event in events if event.name == "content_block_delta")
    assert text == "".join(f"word{n} " for n in range(8))
    assert (events[-1].name, len(worker.taken), worker.canceled) == ("message_stop", 1, {})


@pytest.mark.parametrize("path", [JOBS, BATCHES])
def test_a_job_or_batch_created_again_is_the_same_one(client: FlaskClient, path: str) -> None:
    first, second = (post(client, path, body_of(path)) for _ in range(2))

    assert first.status_code == second.status_code
    assert first.get_json() == second.get_json()


@pytest.mark.parametrize("path", [MESSAGES, JOBS, BATCHES])
def test_the_same_key_with_another_body_is_a_conflict_that_nobody_repeats(
    client: FlaskClient, worker: FakeWorker, path: str
) -> None:
    post(client, path, body_of(path))
    answer = post(client, path, body_of(path, "three"))

    assert (answer.status_code, answer.get_json()["error"]["type"]) == (409, "conflict_error")
    assert answer.headers["x-should-retry"] == "false"


def test_the_order_of_a_bodys_fields_makes_no_difference(client: FlaskClient) -> None:
    body = body_of(JOBS)
    first, second = (post(client, JOBS, given) for given in (body, dict(reversed(body.items()))))

    assert first.get_json()["id"] == second.get_json()["id"]


def test_one_key_on_two_paths_is_a_conflict_and_two_keys_are_two_jobs(client: FlaskClient, worker: FakeWorker) -> None:
    made = [post(client, JOBS, body_of(JOBS), key).get_json()["id"] for key in ("k", "other")]
    elsewhere = post(client, MESSAGES, body_of(MESSAGES))

    assert len(set(made)) == 2
    assert elsewhere.status_code == 409


def test_without_a_key_every_request_is_a_new_one(client: FlaskClient) -> None:
    made = {client.post(JOBS, json=body_of(JOBS)).get_json()["id"] for _ in range(2)}

    assert len(made) == 2


def test_keys_of_different_tenants_have_nothing_to_do_with_each_other(redis: redis_py.Redis, redis_url: str) -> None:
    made = set()
    for tenant in ("mine", "yours"):
        with api_fakes.client(redis_url, api_key=tenant) as client:
            headers = {"Idempotency-Key": "k", "x-api-key": tenant}
            made.add(client.post(JOBS, json=body_of(JOBS), headers=headers).get_json()["id"])

    assert len(made) == 2


@pytest.mark.parametrize("path", [JOBS, BATCHES])
def test_of_many_at_the_same_instant_one_is_accepted(redis: redis_py.Redis, redis_url: str, path: str) -> None:
    made: list[str] = []

    def ask(client: FlaskClient, together: threading.Barrier) -> None:
        together.wait()
        made.append(post(client, path, body_of(path)).get_json()["id"])

    with api_fakes.application(redis_url) as app:
        together = threading.Barrier(8)
        askers = [threading.Thread(target=ask, args=(app.test_client(), together)) for _ in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        services = app.extensions["services"]

        assert (len(made), len(set(made))) == (8, 1)
        assert services.queue.waiting() == (1 if path == JOBS else 0)
        # Nothing is left of those that were staged in vain.
        assert len(redis.keys("pensieve:batch:*:requests")) == (1 if path == BATCHES else 0)


@pytest.mark.parametrize("path", [JOBS, BATCHES])
def test_a_key_outlives_its_result_by_nothing(redis: redis_py.Redis, client: FlaskClient, path: str) -> None:
    first = post(client, path, body_of(path)).get_json()["id"]
    claims = redis.keys("pensieve:idempotency:*")
    (claim_ttl_s,) = [redis.ttl(key) for key in claims]
    redis.delete(f"rq:job:{first}", keys.batch(first))
    again = post(client, path, body_of(path, "three"))

    # As long as it may run, as long as its result is kept, and a minute.
    assert claim_ttl_s > (600 + 3600 if path == JOBS else 86_400 + 29 * 86_400 - 1)
    assert again.status_code in {200, 202}
    assert again.get_json()["id"] != first


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_the_callers_mistake(client: FlaskClient, key: str) -> None:
    answer = post(client, JOBS, body_of(JOBS), key)

    assert (answer.status_code, answer.get_json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_refused_request_leaves_its_key_free(client: FlaskClient) -> None:
    wrong = post(client, JOBS, body_of(JOBS) | {"max_tokens": "x"})
    right = post(client, JOBS, body_of(JOBS))

    assert (wrong.status_code, right.status_code) == (400, 202)
