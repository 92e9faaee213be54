"""Clients who leave: their work ends, wherever it is, also while nothing is being sent."""

import time

import pytest
import redis as redis_py

from queue_config.connection import connect
from queue_config.job_queue import JobQueue
from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL, messages_body, saw_worker
from tests.support.api_raw_client import connected, receive_until, send_post
from tests.support.api_server import ApiServer


def waits(redis_url: str, *, expected: int) -> bool:
    """Whether that many come to wait while there is patience left."""
    give_up_at = time.monotonic() + 10
    with connect(redis_url) as redis:
        queue = JobQueue(redis, MODEL, max_waiting=1, result_ttl_s=1)
        while queue.waiting() != expected:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.02)
    return True


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_who_leaves_a_running_request_frees_its_slot(
    server: ApiServer, worker: FakeWorker, stream: bool
) -> None:
    with connected(server) as sock:
        send_post(sock, "/v1/messages", messages_body("hang", stream=stream), x_api_key=KEY)
        (request,) = worker.wait_until_taken(1)

    worker.wait_until_canceled(request.id)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_who_leaves_a_waiting_request_takes_it_along(
    server: ApiServer, redis: redis_py.Redis, redis_url: str, stream: bool
) -> None:
    saw_worker(redis)
    with connected(server) as sock:
        send_post(sock, "/v1/messages", messages_body("hi", stream=stream), x_api_key=KEY)
        came = waits(redis_url, expected=1)

    assert came
    assert waits(redis_url, expected=0)


def test_a_client_who_stays_is_not_taken_for_gone(server: ApiServer, redis_url: str, worker: FakeWorker) -> None:
    with connected(server) as sock:
        send_post(sock, "/v1/messages", messages_body("trickle 40"), x_api_key=KEY)
        answer = receive_until(sock, b"word39 ")

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_a_reader_of_a_jobs_events_may_leave_without_harm(server: ApiServer, worker: FakeWorker) -> None:
    with connected(server) as sock:
        send_post(sock, "/v1/jobs", messages_body("trickle 40"), x_api_key=KEY)
        receive_until(sock, b'"type":"job"')
        (request,) = worker.wait_until_taken(1)
    with connected(server) as sock:
        sock.sendall(
            f"GET /v1/jobs/{request.id}/events HTTP/1.1\r\nHost: localhost\r\nx-api-key: {KEY}\r\n\r\n".encode()
        )
        receive_until(sock, b"word0 ")
    with connected(server) as sock:
        sock.sendall(
            f"GET /v1/jobs/{request.id}/events HTTP/1.1\r\nHost: localhost\r\nx-api-key: {KEY}\r\n\r\n".encode()
        )
        rest = receive_until(sock, b"event: message_stop")

    assert b"word39 " in rest
    assert worker.canceled == {}
