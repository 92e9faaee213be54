"""Requests find the workers of their model, on whatever machine; where there are none, that is said."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.app import create_app
from api.batch_pump import BatchPump
from api.served_models import Served, ServedModels
from api.tokenizing import Prompts
from models.errors import ModelNotFound
from models.sampling_defaults import SamplingDefaults
from queue_config import keys
from queue_config.fleet import Fleet
from queue_config.lease import Leases
from queue_config.request import FORMAT
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import CONTEXT_TOKENS, MODEL, CodePoints, Readable, messages_body
from tests.support.dead_worker import a_status

OTHER = "other-3b"
MINE = "aaaa"
"""The fingerprint of this machine's copy of the other model."""
RECOMMENDED = SamplingDefaults((("temperature", 0.6), ("top_k", 20), ("min_p", 0.05)))
"""By the other model's makers."""


def load(name: str) -> Served:
    """What `models/` has here: the other model, and no third one."""
    if name != OTHER:
        raise ModelNotFound(f"there is no model {name} here yet; get it with: pensieve pull {name}")
    return Served(OTHER, Prompts(Readable(), CodePoints(), CONTEXT_TOKENS), MINE, RECOMMENDED)


@contextmanager
def api(redis_url: str, *, absence_s: float = 30.0, tick_s: float = 10.0) -> Iterator[FlaskClient]:
    """`tick_s` goes by whenever somebody looks at the clock: by ten seconds whatever was seen is old already."""
    services = api_fakes.build_services(api_fakes.settings(redis_url))
    fleet = Fleet(services.redis, itertools.count(step=tick_s).__next__)
    models = ServedModels(services.models.default, fleet, load, absence_s=absence_s)
    yield create_app(replace(services, models=models)).test_client()
    services.close()


@pytest.fixture
def leases(redis: redis_py.Redis) -> Leases:
    return Leases(redis)


def announce(leases: Leases, model: str, name: str = "", **fields: object) -> None:
    assert leases.enrol(a_status(name or f"{model}.1", model=model, **fields))


def refusal(client: FlaskClient, model: str) -> tuple[int, str | None, str]:
    answer = client.post("/v1/messages", json=messages_body(model=model))
    return answer.status_code, answer.headers.get("retry-after"), answer.get_json()["error"]["message"]


def accepted(client: FlaskClient, model: str) -> str:
    """The model that the accepted job is for."""
    answer = client.post("/v1/jobs", json=messages_body(model=model))
    assert answer.status_code == 202, answer.get_json()
    return str(answer.get_json()["model"])


def test_a_request_waits_in_the_queue_of_the_model_that_it_names(
    redis: redis_py.Redis, redis_url: str, leases: Leases
) -> None:
    announce(leases, MODEL)
    announce(leases, OTHER, fingerprint=MINE)
    with api(redis_url) as client:
        served = [accepted(client, name) for name in (OTHER, MODEL, "claude-sonnet-4-5")]

    lengths = {model: redis.llen(f"rq:queue:pensieve:{model}:background") for model in (MODEL, OTHER)}
    assert (served, lengths) == ([OTHER, MODEL, MODEL], {MODEL: 2, OTHER: 1})


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("/v1/jobs", {}, (0.6, 1.0, 20, 0.05)),
        ("/v1/jobs", {"temperature": 1, "top_p": 0.5}, (1.0, 0.5, 20, 0.05)),
        ("/v1/chat/completions", {"top_k": 0, "temperature": None}, (0.6, 1.0, 0, 0.05)),
        ("/v1/completions", {"min_p": 0, "prompt": "Once", "messages": None}, (0.6, 1.0, 20, 0.0)),
    ],
)
def test_what_a_request_leaves_open_is_as_the_models_makers_want_it(
    redis: redis_py.Redis, redis_url: str, leases: Leases, path: str, asked: dict[str, Any], expected: tuple[float, ...]
) -> None:
    announce(leases, OTHER, fingerprint=MINE)
    with api(redis_url) as client, FakeWorker(redis_url, OTHER) as worker:
        client.post(path, json=messages_body(model=OTHER) | asked)
        (request,) = worker.wait_until_taken(1)
    sampling = request.sampling

    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == expected


def test_a_job_of_another_model_says_where_it_waits_and_can_be_cancelled(redis_url: str, leases: Leases) -> None:
    announce(leases, OTHER)
    with api(redis_url) as client:
        jobs = [client.post("/v1/jobs", json=messages_body(model=OTHER)).get_json() for _ in range(2)]
        second = client.get(f"/v1/jobs/{jobs[1]['id']}").get_json()
        canceled = client.post(f"/v1/jobs/{jobs[0]['id']}/cancel").get_json()

    assert (second["position"], canceled["status"]) == (1, "canceled")


def test_a_worker_that_has_just_come_is_no_reason_to_refuse(redis_url: str, leases: Leases) -> None:
    with api(redis_url, tick_s=0.1) as client:
        before = refusal(client, MODEL)[0]
        announce(leases, MODEL)

        assert (before, accepted(client, MODEL)) == (529, MODEL)


def test_a_model_that_nobody_knows_is_404_and_one_whose_workers_have_gone_is_529(
    redis: redis_py.Redis, redis_url: str, leases: Leases
) -> None:
    announce(leases, OTHER)
    leases.end(f"{OTHER}.1")
    with api(redis_url, absence_s=0) as client:
        unknown, gone, never_there = (refusal(client, name) for name in ("gpt-9", OTHER, MODEL))

    assert unknown == (404, None, "model: gpt-9")
    assert gone == (529, "10", f"No worker is running that serves {OTHER}; try again soon.")
    assert never_there == (529, "10", f"No worker is running that serves {MODEL}; try again soon.")


def test_while_a_worker_is_being_restarted_requests_wait_for_it(redis_url: str, leases: Leases) -> None:
    announce(leases, OTHER)
    leases.end(f"{OTHER}.1")
    with api(redis_url, absence_s=30) as client:
        served = accepted(client, OTHER)

    assert served == OTHER


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"draining": True}, f"Every worker that serves {OTHER} is shutting down; try again soon."),
        (
            {"format": FORMAT - 1},
            f"The workers that serve {OTHER} are of an older version than this API; restart them with this one.",
        ),
        (
            {"fingerprint": "bbbb"},
            f"The workers have another copy of {OTHER} than this API's machine; pull it anew where it is older.",
        ),
    ],
    ids=["draining", "older", "another copy"],
)
def test_workers_that_could_not_serve_it_count_for_nothing(
    redis_url: str, leases: Leases, fields: dict[str, Any], why: str
) -> None:
    announce(leases, OTHER, **fields)
    with api(redis_url, absence_s=0) as client:
        refused = refusal(client, OTHER)
        announce(leases, OTHER, "good.1", fingerprint=MINE)
        served = accepted(client, OTHER)

    assert (refused, served) == ((529, "10", why), OTHER)


def test_a_machine_without_the_models_folder_says_what_to_do(
    redis_url: str, leases: Leases, caplog: pytest.LogCaptureFixture
) -> None:
    announce(leases, "third-7b")
    with caplog.at_level(logging.WARNING, "api.served_models"), api(redis_url) as client:
        refused = [refusal(client, "third-7b") for _ in range(2)]

    why = (
        "This API's machine can't make prompts for third-7b: there is no model third-7b here yet; get it with: "
        "pensieve pull third-7b"
    )
    assert refused == [(529, "10", why)] * 2
    assert [record.getMessage() for record in caplog.records] == [why]


def test_the_list_holds_what_live_workers_serve_behind_the_default(redis_url: str, leases: Leases) -> None:
    announce(leases, OTHER, context_tokens=1_000)
    announce(leases, OTHER, "smaller.1", context_tokens=500)
    announce(leases, "third-7b", context_tokens=700)
    announce(leases, "gone-1b")
    leases.end("gone-1b.1")
    with api(redis_url) as client:
        listed = client.get("/v1/models").get_json()
        pages = [client.get(f"/v1/models?{query}").get_json() for query in ("limit=1", f"limit=1&after_id={MODEL}")]
        before = client.get("/v1/models?limit=1&before_id=third-7b").get_json()
        one = client.get(f"/v1/models/{OTHER}").get_json()

    infos = {info["id"]: info["max_input_tokens"] for info in listed["data"]}
    assert infos == {MODEL: CONTEXT_TOKENS, OTHER: 500, "third-7b": 700}
    assert list(infos) == [MODEL, OTHER, "third-7b"]
    assert [([info["id"] for info in page["data"]], page["has_more"]) for page in (*pages, before)] == [
        ([MODEL], True),
        ([OTHER], True),
        ([OTHER], True),
    ]
    assert one["max_input_tokens"] == 500


def test_a_prompt_must_fit_into_the_smallest_of_the_workers(redis_url: str, leases: Leases) -> None:
    announce(leases, OTHER, context_tokens=100)
    with api(redis_url) as client:
        answer = client.post("/v1/messages", json=messages_body("x" * 100, model=OTHER))

    assert answer.get_json()["error"]["message"] == "prompt is too long: 117 tokens > 100 maximum"


def test_a_batch_whose_model_nobody_serves_waits_and_keeps_no_place_from_others(
    redis: redis_py.Redis, redis_url: str, leases: Leases
) -> None:
    def queued() -> dict[str, int]:
        return {model: redis.llen(f"rq:queue:pensieve:{model}:batch") for model in (MODEL, OTHER)}

    def create(client: FlaskClient, model: str) -> None:
        requests = [{"custom_id": str(number), "params": messages_body(model=model)} for number in range(3)]
        assert client.post("/v1/messages/batches", json={"requests": requests}).status_code == 200

    announce(leases, MODEL)
    announce(leases, OTHER)
    leases.end(f"{OTHER}.1")
    with api(redis_url, absence_s=0) as client:
        services = client.application.extensions["services"]
        create(client, OTHER)
        create(client, MODEL)
        BatchPump(services).turn()
        while_away = queued()
        announce(leases, OTHER)
        BatchPump(services).turn()
        when_back = queued()
        leases.end(f"{OTHER}.1")
        # One that comes new looks first for what will never end by itself.
        BatchPump(services).turn()
        away_again = queued()

    assert (while_away, when_back, away_again) == ({MODEL: 3, OTHER: 0}, {MODEL: 3, OTHER: 3}, {MODEL: 3, OTHER: 0})


def test_a_request_states_what_its_worker_must_be_able_to_do(
    redis: redis_py.Redis, redis_url: str, leases: Leases
) -> None:
    announce(leases, OTHER)
    with api(redis_url) as client:
        job_id = client.post("/v1/jobs", json=messages_body(model=OTHER)).get_json()["id"]

    assert redis.hget(f"rq:job:{job_id}", "needs") == f"{FORMAT} {MINE}".encode()


def test_counting_tokens_needs_no_worker(redis_url: str, leases: Leases) -> None:
    announce(leases, OTHER)
    leases.end(f"{OTHER}.1")
    body = {"model": OTHER, "messages": [{"role": "user", "content": "abc"}]}
    with api(redis_url, absence_s=0) as client:
        counted = client.post("/v1/messages/count_tokens", json=body).get_json()

    assert counted == {"input_tokens": len("<user>abc<assistant>")}


def test_a_model_is_forgotten_a_day_after_its_last_worker(redis: redis_py.Redis, leases: Leases) -> None:
    redis.zadd(keys.MODELS, {"old-1b": 1.0})
    announce(leases, OTHER)

    assert redis.zrange(keys.MODELS, 0, -1) == [OTHER.encode()]


def test_openais_clients_hear_it_in_their_words(redis_url: str) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    with api(redis_url) as client:
        answer = client.post("/v1/chat/completions", json=body)

    assert (answer.status_code, orjson.loads(answer.data)["error"]["code"]) == (503, "overloaded")
