"""Lists in pages: of batches, of jobs, and of any ids by any walk."""

import time
from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_config.errors import InvalidRequest
from queue_config.listing import Cursor, Listing
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body

BATCHES, JOBS = "/v1/messages/batches", "/v1/jobs"


def create(client: FlaskClient, path: str, text: str = "hi") -> str:
    body = messages_body(text)
    if path == BATCHES:
        body = {"requests": [{"custom_id": "a", "params": body}]}
    return str(client.post(path, json=body).get_json()["id"])


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["data"]]


# Scores tie on purpose: two may be created in one instant.
listings = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 5).map(float), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(created=listings, limit=st.integers(1, 7))
def test_walking_page_by_page_meets_every_id_once_in_either_direction(
    redis: redis_py.Redis, created: dict[str, float], limit: int
) -> None:
    redis.delete("index")
    if created:
        redis.zadd("index", created)
    listing = Listing(redis)
    newest_first = sorted(created, key=lambda name: (created[name], name), reverse=True)

    page = listing.page("index", Cursor(), limit)
    down = page.ids
    while page.has_more:
        page = listing.page("index", Cursor(after=down[-1]), limit)
        down = down + page.ids
    up = down[-1:]
    has_more = bool(up)
    while has_more:
        page = listing.page("index", Cursor(before=up[0]), limit)
        up, has_more = page.ids + up, page.has_more

    assert down == newest_first
    assert up == newest_first


def test_a_cursor_that_is_not_in_the_list_is_named(redis: redis_py.Redis) -> None:
    with pytest.raises(InvalidRequest, match="after_id: no such object"):
        Listing(redis).page("index", Cursor(after="x"), 1)
    with pytest.raises(InvalidRequest, match="before_id: no such object"):
        Listing(redis).page("index", Cursor(before="x"), 1)


@pytest.mark.parametrize("path", [BATCHES, JOBS])
def test_the_newest_come_first_and_pages_join_without_gap_or_double(client: FlaskClient, path: str) -> None:
    newest_first = [create(client, path) for _ in range(5)][::-1]
    first = client.get(f"{path}?limit=2").get_json()
    second = client.get(f"{path}?limit=2&after_id={first['last_id']}").get_json()
    third = client.get(f"{path}?limit=2&after_id={second['last_id']}").get_json()
    back = client.get(f"{path}?limit=2&before_id={third['first_id']}").get_json()

    assert [ids(page) for page in (first, second, third)] == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert [page["has_more"] for page in (first, second, third, back)] == [True, True, False, True]
    assert (first["first_id"], first["last_id"]) == (newest_first[0], newest_first[1])
    assert ids(back) == newest_first[2:4]
    assert ids(client.get(path).get_json()) == newest_first


@pytest.mark.parametrize("path", [BATCHES, JOBS])
def test_an_empty_list_has_no_ends(client: FlaskClient, path: str) -> None:
    assert client.get(path).get_json() == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize("path", [BATCHES, JOBS])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit: range: 1..1000"),
        ("limit=1001", "limit: range: 1..1000"),
        ("limit=ten", "limit: Input should be a valid integer"),
        ("after_id=a&before_id=b", "before_id: may not be given together with after_id"),
        ("after_id=nobody", "after_id: no such object, or none any more"),
    ],
)
def test_a_wrong_query_is_named(client: FlaskClient, path: str, query: str, message: str) -> None:
    answer = client.get(f"{path}?{query}")

    assert (answer.status_code, answer.get_json()["error"]["message"]) == (400, message)


def test_jobs_are_listed_as_far_as_can_be_told_without_reading_them(client: FlaskClient, worker: FakeWorker) -> None:
    job = wait_for(client, create(client, JOBS, "fail api_error"), "errored")
    (listed,) = client.get(JOBS).get_json()["data"]

    assert listed == {
        name: job[name] for name in ("id", "type", "status", "model", "created_at", "expires_at", "error")
    }


def test_jobs_can_be_asked_for_by_status_in_either_direction(client: FlaskClient, worker: FakeWorker) -> None:
    made = {text: [] for text in ("hi", "fail api_error")}  # type: dict[str, list[str]]
    for text in ["hi", "fail api_error"] * 4:
        job_id = create(client, JOBS, text)
        wait_for(client, job_id, "succeeded" if text == "hi" else "errored")
        made[text].insert(0, job_id)
    failed = made["fail api_error"]
    first = client.get(f"{JOBS}?status=errored&limit=3").get_json()
    rest = client.get(f"{JOBS}?status=errored&limit=3&after_id={first['last_id']}").get_json()
    back = client.get(f"{JOBS}?status=errored&limit=2&before_id={failed[-1]}").get_json()
    unknown = client.get(f"{JOBS}?status=done")

    assert (ids(first), first["has_more"]) == (failed[:3], True)
    assert (ids(rest), rest["has_more"]) == (failed[3:], False)
    assert (ids(back), back["has_more"]) == (failed[1:3], True)
    assert unknown.status_code == 400


def test_jobs_that_redis_forgot_are_left_out_and_don_t_come_back(redis: redis_py.Redis, client: FlaskClient) -> None:
    kept, gone, last = (create(client, JOBS) for _ in range(3))
    redis.delete(f"rq:job:{gone}")
    pages = [ids(client.get(f"{JOBS}?limit=2").get_json()) for _ in range(2)]

    assert pages == [[last, kept]] * 2


def wait_for(client: FlaskClient, job_id: str, status: str) -> dict[str, Any]:
    give_up_at = time.monotonic() + 10
    while True:
        job: dict[str, Any] = client.get(f"{JOBS}/{job_id}").get_json()
        if job["status"] == status:
            return job
        assert time.monotonic() < give_up_at, job
