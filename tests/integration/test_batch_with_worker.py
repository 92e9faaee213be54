"""A message batch through the whole service but for the model: application, Redis, and a worker with a fake engine."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.upkeep import kept_up
from queue_config import keys
from tests.support import api_fakes
from tests.support.batches import PATH, ended
from tests.support.worker import MODEL, RunningWorker

REQUESTS = 200


@pytest.fixture
def client(redis: redis_py.Redis, redis_url: str) -> Iterator[FlaskClient]:
    settings = api_fakes.settings(redis_url, batch_window=24)
    readable = api_fakes.build_services(settings)
    served = replace(readable.models.default, name=MODEL)
    services = Services.over(settings, replace(readable.model, name=MODEL), served)
    yield create_app(services).test_client()
    services.close()
    readable.close()


def params(text: str) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": text}]}


def test_a_batch_runs_to_its_end_with_exact_counts_while_others_come_and_go(
    client: FlaskClient, redis: redis_py.Redis, redis_url: str, tmp_path: Path
) -> None:
    services: Services = client.application.extensions["services"]
    asked = [{"custom_id": f"n{n}", "params": params(f"number {n}")} for n in range(REQUESTS)]
    chats: list[str] = []

    def chat() -> None:
        for n in range(10):
            answer = client.application.test_client().post("/v1/messages", json=params(f"chat {n}")).get_json()
            chats.append(answer["content"][0]["text"])

    with RunningWorker(redis_url, tmp_path, max_batch=8), kept_up(services):
        batch_id = client.post(PATH, json={"requests": asked}).get_json()["id"]
        chatter = threading.Thread(target=chat)
        chatter.start()
        batch = ended(client, batch_id, patience_s=60)
        chatter.join()

    lines = [orjson.loads(line) for line in client.get(f"{PATH}/{batch_id}/results").get_data().splitlines()]
    texts = {line["custom_id"]: line["result"]["message"]["content"][0]["text"] for line in lines}
    assert batch["request_counts"] == {
        "processing": 0,
        "succeeded": REQUESTS,
        "errored": 0,
        "canceled": 0,
        "expired": 0,
    }
    assert Counter(line["custom_id"] for line in lines) == Counter(f"n{n}" for n in range(REQUESTS))
    assert texts == {f"n{n}": f"<user>number {n}<assistant>" for n in range(REQUESTS)}
    assert chats == [f"<user>chat {n}<assistant>" for n in range(10)]
    assert redis.keys("pensieve:batch:*:todo") + redis.keys("pensieve:batch:*:flying") == []
    assert redis.zcard(keys.BATCHES_ACTIVE) == 0
