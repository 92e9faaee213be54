"""GET /metrics and the counts behind it, over a real Redis."""

import redis as redis_py
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from queue_config.counts import ENDED, Count, Counts
from queue_config.event_log import Entry, EventLog, Position
from queue_config.events import Delta, Finished
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker


def samples(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """By name and label values, labels in the order of their names."""
    answer = client.get("/metrics")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_answers_are_counted_by_route_and_what_has_no_route_together(client: FlaskClient) -> None:
    client.get("/health")
    client.get("/health")
    client.get("/v1/jobs/msg_unknown")
    client.open("/nowhere", method="BREW")
    told = samples(client)

    assert told["pensieve_http_requests_total", "GET", "/health", "200"] == 2
    assert told["pensieve_http_requests_total", "GET", "/v1/jobs/<job_id>", "404"] == 1
    assert told["pensieve_http_requests_total", "none", "none", "404"] == 1


def test_an_end_is_counted_once_whoever_writes_it_and_however_often(client: FlaskClient, worker: FakeWorker) -> None:
    client.post("/v1/messages", json=api_fakes.messages_body("one two"))
    client.post("/v1/messages", json=api_fakes.messages_body("fail api_error"))
    log = EventLog(worker.redis, result_ttl_s=60, live_ttl_s=60)
    again = [Entry("msg_x", Position(1, 1), Delta((1,))), Entry("msg_x", Position(1, 2), Finished("end_turn", 1))]
    log.append(again)
    log.append(again)

    assert Counts(worker.redis).read()[Count(ENDED, ("finished",))] == 2
    assert samples(client)["pensieve_requests_ended_total", "failed"] == 1


def test_the_end_of_a_request_that_waits_is_counted_too(client: FlaskClient) -> None:
    job = client.post("/v1/jobs", json=api_fakes.messages_body()).get_json()
    before = samples(client)
    client.post(f"/v1/jobs/{job['id']}/cancel")
    after = samples(client)

    assert before["pensieve_requests_waiting", "background", api_fakes.MODEL] == 1
    assert before["pensieve_requests_ended_total", "canceled"] == 0
    assert after["pensieve_requests_waiting", "background", api_fakes.MODEL] == 0
    assert after["pensieve_requests_ended_total", "canceled"] == 1


def test_counts_of_several_processes_add_up(redis: redis_py.Redis) -> None:
    for _ in range(2):
        counts = Counts(redis)
        counts.add(Count("started", ("api",)))
        counts.flush()
        counts.flush()

    assert Counts(redis).read() == {Count("started", ("api",)): 2}


def test_what_redis_did_not_take_is_brought_later(redis: redis_py.Redis) -> None:
    counts = Counts(redis)
    counts.add(Count("started", ("api",)))
    bound = redis.config_get("maxmemory")["maxmemory"] or 0
    redis.config_set("maxmemory", 1)
    try:
        refused = flush_fails(counts)
    finally:
        redis.config_set("maxmemory", bound)
    counts.flush()

    assert refused
    assert Counts(redis).read() == {Count("started", ("api",)): 1}


def flush_fails(counts: Counts) -> bool:
    try:
        counts.flush()
    except redis_py.RedisError:
        return True
    return False


def test_without_redis_the_answer_says_so() -> None:
    with api_fakes.client() as client:
        told = samples(client)

    assert told["pensieve_redis_up",] == 0
