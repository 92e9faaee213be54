"""What a request leaves in Redis is kept for a while and then gone, however the request ended."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import redis as redis_py
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.upkeep import kept_up
from queue_config import keys
from queue_config.reaper import TRUST_S, Reaper
from tests.support import api_fakes
from tests.support.engines import FailingEngine
from tests.support.worker import EOS, MODEL, RunningWorker, wait_until

TTL_S = 2
LASTING = re.compile(
    rb"pensieve:(workers|models|refused|counts|chore:.*|rate:.*)|rq:(queues|workers|worker:.*|(finished|failed):.*)"
)
"""What may stay for ever, since there is one of it for all requests, or one for each worker, model or API key."""


@contextmanager
def service(redis_url: str) -> Iterator[FlaskClient]:
    settings = api_fakes.settings(redis_url, result_ttl_s=TTL_S)
    readable = api_fakes.build_services(settings)
    services = Services.over(
        settings, replace(readable.model, name=MODEL), replace(readable.models.default, name=MODEL)
    )
    api_fakes.saw_worker(services.redis, MODEL)
    with kept_up(services):
        yield create_app(services).test_client()
    services.close()
    readable.close()


def body(text: str, **changes: Any) -> dict[str, Any]:
    return api_fakes.messages_body(text) | {"model": MODEL, "max_tokens": 400} | changes


def create(client: FlaskClient, text: str, **headers: str) -> str:
    answer = client.post("/v1/jobs", json=body(text), headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == 202, answer.get_json()
    return str(answer.get_json()["id"])


def status(client: FlaskClient, job_id: str) -> str | None:
    return cast(str | None, client.get(f"/v1/jobs/{job_id}").get_json().get("status"))


def test_every_end_leaves_keys_that_go_by_themselves(redis: redis_py.Redis, redis_url: str, tmp_path: Path) -> None:
    engine = FailingEngine(EOS, prefill="<user>poison<assistant>", decode="", step_s=0.005)
    with service(redis_url) as client:
        jobs = {
            "canceled": create(client, "in the queue"),
            "expired": create(client, "late", x_pensieve_deadline_s="0.1"),
        }
        client.post(f"/v1/jobs/{jobs['canceled']}/cancel")
        wait_until(lambda: status(client, jobs["expired"]) == "expired", "the one that nobody came for")
        with RunningWorker(redis_url, tmp_path, engine=engine, result_ttl_s=TTL_S):
            jobs["running canceled"] = create(client, "x" * 1_500)
            jobs["running expired"] = create(client, "y" * 1_500, x_pensieve_deadline_s="0.3")
            jobs["errored"] = create(client, "poison")
            jobs["succeeded"] = create(client, "hello", idempotency_key="once")
            wait_until(lambda: status(client, jobs["running canceled"]) == "running", "a running one")
            client.post(f"/v1/jobs/{jobs['running canceled']}/cancel")
            client.post("/v1/messages", json=body("hello")).get_json()
            wait_until(lambda: redis.exists(keys.DEADLINES) == 0, "every end, and RQ's books")
        ended = {name: status(client, job_id) for name, job_id in jobs.items()}
        left = {key: redis.ttl(key) for key in redis.scan_iter() if not LASTING.fullmatch(key)}
        wait_until(lambda: not redis.keys("*msg_*"), "the ends to be forgotten")
        forgotten = {client.get(f"/v1/jobs/{job_id}").status_code for job_id in jobs.values()}

    assert ended == {name: name.split()[-1] for name in jobs}
    assert {key: ttl for key, ttl in left.items() if ttl < 0} == {}
    assert max(ttl for key, ttl in left.items() if b"msg_" in key) <= TTL_S
    assert forgotten == {404}


def test_rqs_registries_are_emptied_of_what_is_forgotten(redis: redis_py.Redis) -> None:
    for registry in ("finished", "failed"):
        redis.sadd("rq:queues", "rq:queue:pensieve:echo:interactive")
        redis.zadd(f"rq:{registry}:pensieve:echo:interactive", {"msg_1": time.time() - 1})
    now = [0.0]
    reaper = Reaper(redis, result_ttl_s=TTL_S, live_ttl_s=TTL_S, clock=lambda: now[0])
    for now[0] in (1.0, 2.0, TRUST_S):
        reaper.turn()

    assert redis.keys("rq:finished:*") + redis.keys("rq:failed:*") == []
