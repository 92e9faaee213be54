"""Errors: always Anthropic's envelope, never HTML, never what is inside."""

import logging
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.support import api_fakes
from tests.support.api_fakes import messages_body


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with api_fakes.client(max_body_bytes=10_000) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "message"),
    [
        ("GET", "/nowhere", 404, "not_found_error", "Not found"),
        ("GET", "/v1//models", 404, "not_found_error", "Not found"),
        ("POST", "/v1/complete", 404, "not_found_error", "Not found"),
        ("GET", "/v1/models/gpt-9", 404, "not_found_error", "model: gpt-9"),
        (
            "GET",
            "/v1/jobs/nonsense",
            404,
            "not_found_error",
            "No job with this id; ended jobs are kept for a limited time.",
        ),
        (
            "DELETE",
            "/v1/messages",
            405,
            "invalid_request_error",
            "The method is not allowed for the requested URL.",
        ),
        ("POST", "/v1/messages", 415, "invalid_request_error", "content-type: should be application/json"),
        ("GET", "/v1/models?limit=0", 400, "invalid_request_error", "limit: range: 1..1000"),
        ("GET", "/v1/models?limit=x", 400, "invalid_request_error", "limit: Input should be a valid integer"),
    ],
)
def test_every_error_has_the_envelope_and_the_same_id_in_the_header(
    client: FlaskClient, method: str, path: str, status: int, kind: str, message: str
) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert answer.get_json() == {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": answer.headers["request-id"],
    }
    assert answer.headers["request-id"].startswith("req_")


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body("x" * 20_000))

    assert answer.status_code == 413
    assert answer.get_json()["error"] == {
        "type": "request_too_large",
        "message": "The request body is too large",
    }


def test_a_wrong_method_still_says_which_are_right(client: FlaskClient) -> None:
    assert set(client.delete("/v1/messages").allow) == {"POST", "OPTIONS"}


def test_the_callers_mistake_is_not_to_be_retried(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", data=b"{", content_type="application/json")

    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"


def test_a_thread_is_refused_with_details_in_the_envelope(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body(thread={"type": "create"}))

    assert answer.get_json()["error"]["details"] == {"error_code": "thread_unsupported_request"}


def test_a_compressed_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body(), headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.get_json()["error"]["type"]) == (415, "invalid_request_error")


def test_an_unknown_model_is_404_before_anything_else_is_tried(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body(model="gpt-9"))

    assert answer.status_code == 404
    assert answer.get_json()["error"] == {"type": "not_found_error", "message": "model: gpt-9"}


def test_a_bug_is_a_500_that_shows_nothing_and_logs_all(caplog: pytest.LogCaptureFixture) -> None:
    with api_fakes.application() as app:

        def broken() -> str:
            raise RuntimeError("the secret inside")

        app.add_url_rule("/broken", view_func=broken)
        with caplog.at_level(logging.ERROR):
            answer = app.test_client().get("/broken")

    assert answer.status_code == 500
    assert answer.get_json() == {
        "type": "error",
        "error": {"type": "api_error", "message": "Internal server error"},
        "request_id": answer.headers["request-id"],
    }
    assert "the secret inside" in caplog.text


def test_without_redis_a_message_is_refused_as_overload(client: FlaskClient) -> None:
    answer = client.post("/v1/messages", json=messages_body())

    assert answer.status_code == 529
    assert answer.get_json()["error"] == {
        "type": "overloaded_error",
        "message": "The queue can't be reached; try again soon.",
    }
    assert answer.headers["retry-after"] == "5"


def test_without_redis_a_known_looking_job_is_not_called_unknown(client: FlaskClient) -> None:
    assert client.get("/v1/jobs/msg_abc").status_code == 529
