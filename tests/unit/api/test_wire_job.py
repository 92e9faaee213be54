"""Jobs as clients see them, from every pair of record and log."""

import pytest

from api.wire import ids
from api.wire.job import view
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started
from queue_config.job_queue import JobRecord, RecordStatus
from queue_config.pieces import TextPiece

SAID: list[Event] = [Started(1, "w"), Delta((1, 2), (TextPiece("Hi"),)), Delta((3,), (TextPiece("!"),))]


def record(status: RecordStatus) -> JobRecord:
    return JobRecord(
        id="msg_1",
        model="readable-1b",
        lane="background",
        input_tokens=12,
        created_at=1_000_000_000.5,
        deadline_at=1_000_000_600.5,
        status=status,
    )


def test_a_waiting_job_shows_its_place_and_its_deadline() -> None:
    assert view(record("queued"), [], 3) == {
        "id": "msg_1",
        "type": "job",
        "status": "queued",
        "model": "readable-1b",
        "created_at": "2001-09-09T01:46:40.500Z",
        "expires_at": "2001-09-09T01:56:40.500Z",
        "position": 3,
        "progress": {"output_tokens": 0},
        "result": None,
        "error": None,
    }


def test_a_running_job_shows_how_far_it_is() -> None:
    job = view(record("running"), SAID, None)

    assert (job["status"], job["progress"]) == ("running", {"output_tokens": 3})


def test_a_succeeded_job_holds_the_whole_message() -> None:
    job = view(record("running"), [*SAID, Finished("end_turn", 3)], None)

    assert job["status"] == "succeeded"
    assert job["result"]["content"] == [{"type": "text", "text": "Hi!"}]
    assert job["result"]["usage"]["output_tokens"] == 3


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        (Failed("api_error", "NaN"), "errored", {"type": "api_error", "message": "NaN"}),
        (Canceled(2), "canceled", {"type": "api_error", "message": "The request was canceled."}),
        (
            Expired(2),
            "expired",
            {"type": "timeout_error", "message": "The deadline passed before the answer was complete."},
        ),
    ],
)
def test_the_log_says_how_a_job_ended_whatever_the_record_says(end: Event, status: str, error: dict[str, str]) -> None:
    for stale in ("queued", "running", "ended"):
        job = view(record(stale), [*SAID, end], None)

        assert (job["status"], job["error"], job["result"]) == (status, error, None)


def test_a_record_that_ended_without_a_word_is_an_error_not_a_running_job() -> None:
    job = view(record("ended"), [Started(1, "w")], None)

    assert job["status"] == "errored"
    assert job["error"] == {"type": "api_error", "message": "The request ended without an answer."}


def test_new_ids_have_the_clients_shape_and_differ() -> None:
    made = [ids.new_message_id() for _ in range(100)]

    assert all(ids.is_message_id(job_id) and len(job_id) == len("msg_") + 24 for job_id in made)
    assert len(set(made)) == 100
    assert not any(map(ids.is_message_id, ["", "msg_", "msg_a:b", "msg_a\n", "req_1", "msg_" + "a" * 65]))
