"""What becomes of requests while Redis is away."""

import time
from collections.abc import Callable, Iterator

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.endings import abandon_later
from api.reading import entries
from api.services import Services
from queue_config.connection import RedisError
from queue_config.errors import PensieveError
from tests.support import api_fakes
from tests.support.api_fakes import messages_body
from tests.support.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[FlaskClient]:
    with api_fakes.client(server.url) as client:
        yield client


def services_of(client: FlaskClient) -> Services:
    services: Services = client.application.extensions["services"]
    return services


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold while there is patience left; an outage meanwhile is no answer."""
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        try:
            if holds():
                return True
        except RedisError:
            pass
        time.sleep(0.02)
    return False


def test_a_frozen_redis_is_an_overload(server: RedisServer, client: FlaskClient) -> None:
    client.get("/health/ready")
    server.freeze()
    answer = client.post("/v1/messages", json=messages_body())
    server.thaw()

    assert (answer.status_code, answer.headers["retry-after"]) == (529, "5")


def test_a_request_abandoned_during_an_outage_is_withdrawn_after_it(server: RedisServer, client: FlaskClient) -> None:
    services = services_of(client)
    job_id = client.post("/v1/jobs", json=messages_body()).get_json()["id"]
    server.freeze()
    abandon_later(services, job_id)
    server.thaw()

    assert eventually(lambda: services.queue.waiting() == 0)
    assert client.get(f"/v1/jobs/{job_id}").get_json()["status"] == "canceled"


def test_a_request_that_may_still_arrive_is_flagged_for_its_worker(client: FlaskClient) -> None:
    services = services_of(client)
    abandon_later(services, "msg_underway")

    assert eventually(lambda: services.control.canceled_among(["msg_underway"]) == ["msg_underway"])


def test_a_stream_of_what_redis_has_forgotten_ends_with_an_error(client: FlaskClient, server: RedisServer) -> None:
    services = services_of(client)
    job_id = client.post("/v1/jobs", json=messages_body()).get_json()["id"]
    with redis_py.Redis.from_url(server.url) as admin:
        admin.flushall()

    with pytest.raises(PensieveError, match="Redis came back without this request"):
        list(entries(services, job_id, time.time() + 600))
