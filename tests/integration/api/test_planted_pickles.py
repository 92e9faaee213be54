"""Pickles planted over everything that the API has in Redis: its readers and its chores answer, and load none."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.batch_pump import BatchPump
from api.services import Services
from api.webhook_post import Signer
from api.webhooks import Courier
from queue_config.deadlines import Deadlines
from queue_config.reaper import Reaper
from queue_config.report import reports
from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body
from tests.support.live_report import Reporter
from tests.support.planted_pickle import Bait

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = {"webhook": {"url": "http://127.0.0.1:9/hook"}}


@pytest.fixture
def client(redis: redis_py.Redis, redis_url: str) -> Iterator[FlaskClient]:
    with api_fakes.client(redis_url, webhook_secret=SECRET, webhook_allow_private=True) as client:
        yield client


def fill(client: FlaskClient) -> list[tuple[str, str]]:
    """Something of each kind that we keep; return the requests that read it."""
    done = client.post("/v1/jobs", json=messages_body() | HOOK, headers={"idempotency-key": "once"}).get_json()["id"]
    requests = [{"custom_id": "a", "params": messages_body()}]
    batch = client.post("/v1/messages/batches", json={"requests": requests} | HOOK).get_json()["id"]
    client.get(f"/v1/jobs/{done}/events")
    own = [f"/v1/jobs/{done}", f"/v1/jobs/{done}/events", f"/v1/messages/batches/{batch}"]
    own += [f"/v1/messages/batches/{batch}/results", "/v1/jobs", "/v1/messages/batches"]
    reads = [*own, "/v1/models", "/health/ready", "/metrics"]
    writes = ["/v1/jobs", f"/v1/jobs/{done}/retry", f"/v1/jobs/{done}/cancel", f"/v1/messages/batches/{batch}/cancel"]
    return [*(("GET", path) for path in reads), *(("POST", path) for path in writes)]


def plant(redis: redis_py.Redis, bait: bytes) -> None:
    """In place of every value, and among all members; names that lead to other keys stay, so that those are read."""
    for key in list(redis.scan_iter()):
        match redis.type(key):
            case b"string":
                redis.set(key, bait, keepttl=True)
            case b"hash":
                redis.hset(key, mapping=dict.fromkeys(redis.hkeys(key), bait))
            case b"list":
                redis.rpush(key, bait)
                redis.ltrim(key, -1, -1)
            case b"set":
                redis.sadd(key, bait)
            case b"zset":
                redis.zadd(key, {bait: 1.0})
            case b"stream":
                redis.delete(key)
                redis.xadd(key, {"e": bait}, "1-1")


def chores(client: FlaskClient) -> list[Callable[[], object]]:
    """What goes on unasked; a turn that fails is logged, and the next one comes."""
    services: Services = client.application.extensions["services"]
    reaper = Reaper(services.redis, result_ttl_s=600, live_ttl_s=600)
    return [
        BatchPump(services).turn,
        Courier(services, Signer(SECRET)).turn,
        Deadlines(services.redis, services.log, result_ttl_s=600).turn,
        lambda: reaper.bury(["scripted"]),
        lambda: reports(services.redis),
        services.counts.read,
        services.leases.live,
    ]


def test_over_all_that_is_kept(redis: redis_py.Redis, redis_url: str, client: FlaskClient, tmp_path: Path) -> None:
    bait = Bait(tmp_path)
    with FakeWorker(redis_url), Reporter(redis_url):
        asked = fill(client)
        kept = {key: redis.dump(key) or b"" for key in redis.scan_iter()}
    answers = set()
    for value in bait.values:
        redis.flushdb()
        for key, content in kept.items():
            redis.restore(key, 60_000, content)
        plant(redis, value)
        for method, path in asked:
            answer = client.open(path, method=method, json=messages_body(), headers={"idempotency-key": "once"})
            answers.add((answer.status_code, (answer.get_json(silent=True) or {}).get("type", "")))
        for chore in chores(client):
            with suppress(ValueError, TypeError, LookupError):
                chore()

    assert not bait.sprung
    # What was kept is gone or an error, aloud; never half of it.
    assert {kind for status, kind in answers if status >= 400} == {"error"}
    assert {status for status, _ in answers} <= {200, 202, 404, 500, 503}
