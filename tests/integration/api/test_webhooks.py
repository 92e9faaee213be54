"""Webhooks over a real Redis, to a receiver on loopback."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis as redis_py
from flask.testing import FlaskClient
from standardwebhooks import Webhook, WebhookVerificationError

from api.services import Services
from api.upkeep import kept_up
from api.webhook_post import Signer
from api.webhooks import DELAYS_S, Courier
from queue_config import keys
from queue_config.webhook_store import register
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body
from tests.support.webhook_receiver import WebhookReceiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BATCHES, JOBS = "/v1/messages/batches", "/v1/jobs"
LOCAL: dict[str, Any] = {"webhook_secret": SECRET, "webhook_allow_private": True}


def services_of(client: FlaskClient) -> Services:
    services: Services = client.application.extensions["services"]
    return services


def create(client: FlaskClient, url: str, text: str = "Hello there", path: str = JOBS) -> dict[str, Any]:
    params = messages_body(text)
    body = {"requests": [{"custom_id": "a", "params": params}]} if path == BATCHES else params
    job: dict[str, Any] = client.post(path, json=body | {"webhook": {"url": url}}).get_json()
    return job


def eventually(holds: Callable[[], bool]) -> bool:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        if holds():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (JOBS, "Hello there", {"type": "job", "status": "succeeded"}),
        (JOBS, "fail api_error", {"type": "job", "status": "errored"}),
        (BATCHES, "Hello there", {"type": "message_batch", "processing_status": "ended"}),
    ],
)
def test_the_end_is_told_once_signed_and_as_polling_shows_it(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker, path: str, text: str, found: dict[str, str]
) -> None:
    with (
        WebhookReceiver() as receiver,
        api_fakes.client(redis_url, **LOCAL) as client,
        kept_up(services_of(client)),
    ):
        job_id = create(client, receiver.url, text, path)["id"]
        (message,) = receiver.wait_for(1)
        polled = client.get(f"{path}/{job_id}").get_json()

        assert Webhook(SECRET).verify(message.body, message.headers) == polled
        assert polled | found == polled
        assert (message.path, message.headers["webhook-id"]) == ("/hook?for=test", job_id)
        assert (message.headers["host"], message.headers["content-type"]) == (
            f"127.0.0.1:{receiver.port}",
            "application/json",
        )
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(message.body.replace(b"ended", b"endet") + b" ", message.headers)
        assert eventually(lambda: redis.keys("pensieve:webhook*") == [])
    assert len(receiver.received) == 1


def test_a_receiver_that_fails_is_tried_again_with_the_same_message(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.webhooks.DELAYS_S", (0, 0, 0))
    with (
        WebhookReceiver((500, 307, 200)) as receiver,
        api_fakes.client(redis_url, **LOCAL) as client,
        kept_up(services_of(client)),
    ):
        create(client, receiver.url)
        messages = receiver.wait_for(3)
        assert eventually(lambda: redis.keys("pensieve:webhook*") == [])

    # A redirect is a failure like another: nobody follows it.
    assert {message.path for message in receiver.received} == {"/hook?for=test"}
    assert len({(message.headers["webhook-id"], message.body) for message in messages}) == 1


@pytest.mark.parametrize(("statuses", "tries"), [((500,), 4), ((410,), 1)])
def test_tries_are_bounded(
    redis: redis_py.Redis,
    redis_url: str,
    worker: FakeWorker,
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[int, ...],
    tries: int,
) -> None:
    monkeypatch.setattr("api.webhooks.DELAYS_S", (0, 0, 0))
    with (
        WebhookReceiver(statuses) as receiver,
        api_fakes.client(redis_url, **LOCAL) as client,
        kept_up(services_of(client)),
    ):
        create(client, receiver.url)
        receiver.wait_for(tries)
        assert eventually(lambda: redis.keys("pensieve:webhook*") == [])

    assert len(receiver.received) == tries


def test_tries_back_off_over_hours_and_no_longer() -> None:
    assert list(DELAYS_S) == sorted(DELAYS_S)
    assert sum(DELAYS_S) < 4 * 3600


def test_what_a_dead_process_had_in_hand_is_tried_by_the_next(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker
) -> None:
    with WebhookReceiver() as receiver, api_fakes.client(redis_url, **LOCAL) as client:
        services = services_of(client)
        subject = create(client, receiver.url)["id"]
        services.webhooks.ended(subject, b"{}", 1.0)
        taken = services.webhooks.take(2.0, 60.0, 9)
        too_early = services.webhooks.take(59.0, 100.0, 9)
        again = services.webhooks.take(61.0, 100.0, 9)

    assert [delivery.tries for delivery in (*taken, *too_early, *again)] == [1, 2]
    assert {delivery.subject_id for delivery in (*taken, *again)} == {subject}


def test_an_end_that_was_told_is_not_told_again(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, **LOCAL) as client:
        webhooks = services_of(client).webhooks
        with redis.pipeline() as pipe:
            register(pipe, "msg_1", "http://127.0.0.1/", 1.0)
            pipe.execute()
        webhooks.ended("msg_1", b"{}", 1.0)
        webhooks.drop("msg_1")
        webhooks.ended("msg_1", b"{}", 1.0)

        assert webhooks.take(9.0, 9.0, 9) == []
    assert redis.keys("pensieve:webhook*") == []


def test_a_job_that_nobody_takes_is_told_of_when_it_expires(redis: redis_py.Redis, redis_url: str) -> None:
    with (
        WebhookReceiver() as receiver,
        api_fakes.client(redis_url, deadline_s=0.05, **LOCAL) as client,
        kept_up(services_of(client)),
    ):
        create(client, receiver.url)
        (message,) = receiver.wait_for(1)

    assert orjson.loads(message.body)["status"] == "expired"


def test_a_job_that_was_forgotten_is_not_waited_for(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, **LOCAL) as client:
        job_id = create(client, "http://127.0.0.1:1/")["id"]
        redis.delete(f"rq:job:{job_id}")
        Courier(services_of(client), Signer(SECRET)).turn()

    assert redis.zcard(keys.WEBHOOKS_WATCHED) == 0


def test_a_private_address_is_refused_when_it_is_called_too(
    redis: redis_py.Redis, redis_url: str, worker: FakeWorker
) -> None:
    with WebhookReceiver() as receiver, api_fakes.client(redis_url, webhook_secret=SECRET) as client:
        # A name is only known to be harmless when it is resolved.
        job_id = create(client, f"https://localhost:{receiver.port}/")["id"]
        courier = Courier(services_of(client), Signer(SECRET))
        assert eventually(lambda: services_of(client).log.endings([job_id]) != {})
        courier.turn()

    assert receiver.received == []
    assert redis.keys("pensieve:webhook*") == []


@pytest.mark.parametrize("path", [JOBS, BATCHES])
@pytest.mark.parametrize(
    ("settings", "webhook", "message"),
    [
        ({}, {"url": "https://example.com/"}, "webhook: this server has no PENSIEVE_WEBHOOK_SECRET"),
        ({"webhook_secret": SECRET}, "https://example.com/", "webhook: Input should be an object"),
        ({"webhook_secret": SECRET}, {}, "webhook.url: Field required"),
        ({"webhook_secret": SECRET}, {"url": "http://example.com/"}, "webhook.url: should be an https URL"),
        ({"webhook_secret": SECRET}, {"url": "https://127.0.0.1/"}, "webhook.url: leads to an address that is not"),
    ],
)
def test_a_webhook_that_can_not_be_is_refused_with_its_request(
    redis: redis_py.Redis, redis_url: str, path: str, settings: dict[str, Any], webhook: object, message: str
) -> None:
    body = {"requests": [{"custom_id": "a", "params": messages_body()}]} if path == BATCHES else messages_body()
    with api_fakes.client(redis_url, **settings) as client:
        answer = client.post(path, json=body | {"webhook": webhook})

    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"].startswith(message)
