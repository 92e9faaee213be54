"""/v1/jobs over a real Redis and a scripted worker."""

import time
from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from tests.support import api_fakes, api_sse
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL, messages_body

UNKNOWN = "msg_0000000000000000000000000"


def create(client: FlaskClient, text: str) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json=messages_body(text))
    assert answer.status_code == 202
    job: dict[str, Any] = answer.get_json()
    return job


def poll(client: FlaskClient, job_id: str, *, until: str) -> dict[str, Any]:
    """The job once it has that status."""
    give_up_at = time.monotonic() + 10
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").get_json()
        if job["status"] == until:
            return job
        assert time.monotonic() < give_up_at, job


def events_of(client: FlaskClient, job_id: str, **headers: str) -> list[api_sse.ServerEvent]:
    answer = client.get(f"/v1/jobs/{job_id}/events", headers=headers)
    return api_sse.read_text(answer.get_data(as_text=True))


def test_jobs_wait_in_line_and_say_where(client: FlaskClient) -> None:
    jobs = [create(client, "hi") for _ in range(3)]

    assert [(job["type"], job["status"], job["position"]) for job in jobs] == [
        ("job", "queued", 0),
        ("job", "queued", 1),
        ("job", "queued", 2),
    ]
    assert client.get(f"/v1/jobs/{jobs[1]['id']}").get_json() == jobs[1]


def test_a_job_runs_and_its_result_is_the_message(client: FlaskClient, worker: FakeWorker) -> None:
    job = poll(client, create(client, "Hello there")["id"], until="succeeded")

    assert job["result"]["content"] == [{"type": "text", "text": "Hello there "}]
    assert (job["result"]["id"], job["result"]["model"], job["error"]) == (job["id"], MODEL, None)
    assert (job["position"], job["progress"]) == (None, {"output_tokens": 2})


def test_a_failed_job_says_why(client: FlaskClient, worker: FakeWorker) -> None:
    job = poll(client, create(client, "fail api_error")["id"], until="errored")

    assert job["error"] == {"type": "api_error", "message": "It was scripted to fail."}


def test_a_streamed_message_is_a_job_too(client: FlaskClient, worker: FakeWorker) -> None:
    client.post("/v1/messages", json=messages_body("one two", stream=True)).get_data()

    assert poll(client, worker.taken[0].id, until="succeeded")["progress"] == {"output_tokens": 2}


def test_cancelling_a_queued_job_ends_it_there_and_then(client: FlaskClient) -> None:
    job = create(client, "hi")
    answer = client.post(f"/v1/jobs/{job['id']}/cancel")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "canceled")
    assert [event.name for event in events_of(client, job["id"])] == ["message_start", "error"]


def test_cancelling_a_running_job_reaches_its_worker(client: FlaskClient, worker: FakeWorker) -> None:
    job = create(client, "hang")
    worker.wait_until_taken(1)
    answer = client.post(f"/v1/jobs/{job['id']}/cancel")

    assert answer.status_code == 200
    assert poll(client, job["id"], until="canceled")["error"]["message"] == "The request was canceled."


def test_cancelling_an_ended_job_changes_nothing(client: FlaskClient, worker: FakeWorker) -> None:
    job = poll(client, create(client, "hi")["id"], until="succeeded")

    assert client.post(f"/v1/jobs/{job['id']}/cancel").get_json() == job


def test_a_reader_can_leave_and_come_back_anywhere(client: FlaskClient, worker: FakeWorker) -> None:
    job_id = create(client, "burst 20")["id"]
    everything = events_of(client, job_id)

    assert [event.id for event in everything[:2]] == ["0-0.0", "1-2.0"]
    for seen, event in enumerate(everything[:-1], start=1):
        assert event.id is not None
        assert events_of(client, job_id, **{"Last-Event-ID": event.id}) == everything[seen:]


def test_a_reader_who_has_everything_is_told_not_to_come_back(client: FlaskClient, worker: FakeWorker) -> None:
    job_id = create(client, "hi")["id"]
    last = events_of(client, job_id)[-1].id

    assert client.get(f"/v1/jobs/{job_id}/events?last_event_id={last}").status_code == 204


def test_a_reader_who_leaves_does_not_cancel_the_job(client: FlaskClient, worker: FakeWorker) -> None:
    job_id = create(client, "trickle 5")["id"]
    answer = client.get(f"/v1/jobs/{job_id}/events")
    next(answer.iter_encoded())
    answer.close()

    assert poll(client, job_id, until="succeeded")["progress"] == {"output_tokens": 5}
    assert worker.canceled == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("POST", "/cancel")],
)
def test_an_unknown_job_is_404(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(f"/v1/jobs/{UNKNOWN}{path}", method=method)

    assert answer.status_code == 404
    assert answer.get_json()["error"]["type"] == "not_found_error"


def test_a_foreign_last_event_id_is_the_callers_mistake(client: FlaskClient) -> None:
    job_id = create(client, "hi")["id"]

    assert client.get(f"/v1/jobs/{job_id}/events?last_event_id=latest").status_code == 400


def test_a_job_that_nobody_took_in_time_is_expired_for_whoever_looks(redis: redis_py.Redis, redis_url: str) -> None:
    with api_fakes.client(redis_url, deadline_s=0.0) as client:
        job = client.get(f"/v1/jobs/{create(client, 'hi')['id']}").get_json()

    assert (job["status"], job["error"]["type"]) == ("expired", "timeout_error")
