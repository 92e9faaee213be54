"""How batches get into the queue bit by bit, and out of it: in order, cancelled, expired, sent again."""

import time
from collections import Counter

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.batch_pump import BatchPump
from api.upkeep import kept_up
from api.wire.rfc3339 import rfc3339
from queue_config import keys
from queue_config.request import LANES
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker, script_of
from tests.support.api_fakes import messages_body
from tests.support.batches import PATH, counts, create, ended, results, services_of


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
