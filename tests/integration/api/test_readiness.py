"""GET /health/ready: evidence, and what is missing by name."""

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.redis_server import RedisServer


def test_with_redis_and_a_stepping_worker_the_service_is_ready(client: FlaskClient, worker: FakeWorker) -> None:
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert (answer.get_json()["status"], answer.get_json()["missing"]) == ("ready", [])
    assert answer.get_json()["checks"]["worker"]["name"] == "scripted"


def test_without_a_worker_it_is_not(client: FlaskClient) -> None:
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.get_json()["missing"]) == (503, ["worker"])


@pytest.mark.parametrize(
    ("engine_age_s", "draining", "why"),
    [(6.0, False, "the engine does not step"), (0.0, True, "every worker is shutting down")],
)
def test_a_worker_that_is_stuck_or_leaving_does_not_count(
    client: FlaskClient, worker: FakeWorker, engine_age_s: float, draining: bool, why: str
) -> None:
    worker.renew(engine_age_s=engine_age_s, draining=draining)
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.get_json()["checks"]["worker"]["why"]) == (503, why)


def test_a_redis_that_takes_no_writes_is_not_ready(redis: redis_py.Redis, redis_url: str) -> None:
    with RedisServer() as server, api_fakes.client(server.url) as client:
        with redis_py.Redis.from_url(server.url) as admin:
            admin.config_set("min-replicas-to-write", 1)
        answer = client.get("/health/ready")

    assert (answer.status_code, answer.get_json()["missing"]) == (503, ["redis", "worker"])
