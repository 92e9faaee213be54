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


def test_readiness_says_what_redis_promises(client: FlaskClient, worker: FakeWorker) -> None:
    redis = client.get("/health/ready").get_json()["checks"]["redis"]

    assert (redis["ok"], redis["durability"], redis["role"]) == (True, "none", "master")
    assert (redis["append_only"], redis["fsync"], redis["policy"]) == (False, "everysec", "noeviction")
    assert "set appendonly yes" in redis["risks"][0]


def test_a_redis_that_is_a_replica_or_nearly_full_is_not_ready() -> None:
    found = []
    with RedisServer() as server, api_fakes.client(server.url) as client, redis_py.Redis.from_url(server.url) as admin:
        admin.set("ballast", b"x" * 10_000_000)
        used = admin.info("memory")["used_memory"]
        admin.config_set("maxmemory", round(used / 0.9))
        found.append(client.get("/health/ready").get_json()["checks"]["redis"]["why"])
        admin.config_set("maxmemory", 0)
        admin.config_set("replica-read-only", "no")
        admin.replicaof("127.0.0.1", 1)
        found.append(client.get("/health/ready").get_json()["checks"]["redis"]["why"])

    assert found == ["Redis's memory is 90% full", "Redis is a read-only replica"]


def test_a_redis_that_takes_no_writes_is_not_ready(redis: redis_py.Redis, redis_url: str) -> None:
    with RedisServer() as server, api_fakes.client(server.url) as client:
        with redis_py.Redis.from_url(server.url) as admin:
            admin.config_set("min-replicas-to-write", 1)
        answer = client.get("/health/ready")

    assert (answer.status_code, answer.get_json()["missing"]) == (503, ["redis", "worker"])
