"""POST /v1/jobs/{id}/retry, over a real Redis."""

import pytest
from flask.testing import FlaskClient

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body


def accept(client: FlaskClient, text: str) -> str:
    return str(client.post("/v1/jobs", json=messages_body(text)).get_json()["id"])


def ended(client: FlaskClient, job_id: str) -> str:
    """Read its stream to the end; its status."""
    client.get(f"/v1/jobs/{job_id}/events").get_data()
    return str(client.get(f"/v1/jobs/{job_id}").get_json()["status"])


def test_a_job_that_failed_is_done_again_as_another(client: FlaskClient, worker: FakeWorker) -> None:
    first = accept(client, "fail api_error")
    status = ended(client, first)
    answer = client.post(f"/v1/jobs/{first}/retry")
    second = answer.get_json()["id"]
    old, new = worker.wait_until_taken(2)

    assert (status, answer.status_code, ended(client, second)) == ("errored", 202, "errored")
    assert (old.id, new.id, first != second) == (first, second, True)
    assert (old.prompt, old.sampling, old.lane) == (new.prompt, new.sampling, new.lane)
    assert new.deadline_at > old.deadline_at


def test_a_job_that_was_cancelled_while_it_waited_can_be_done_after_all(client: FlaskClient) -> None:
    first = accept(client, "never mind")
    client.post(f"/v1/jobs/{first}/cancel")
    second = client.post(f"/v1/jobs/{first}/retry").get_json()

    assert (client.get(f"/v1/jobs/{first}").get_json()["status"], second["status"]) == ("canceled", "queued")


@pytest.mark.parametrize("text", ["fine", "hang"])
def test_what_has_an_answer_or_may_get_one_is_not_done_again(
    client: FlaskClient, worker: FakeWorker, text: str
) -> None:
    job_id = accept(client, text)
    worker.wait_until_taken(1)
    if text == "fine":
        ended(client, job_id)
    refused = client.post(f"/v1/jobs/{job_id}/retry")

    assert (refused.status_code, len(worker.taken)) == (400, 1)
    assert "only jobs that ended without an answer" in refused.get_json()["error"]["message"]


def test_nobody_can_have_done_again_what_is_unknown(client: FlaskClient) -> None:
    assert client.post("/v1/jobs/msg_000/retry").status_code == 404
