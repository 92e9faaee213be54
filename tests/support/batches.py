"""Message batches over a test client: made, waited for, and read."""

import time
from typing import Any

import orjson
from flask.testing import FlaskClient

from api.services import Services
from tests.support.api_fakes import messages_body

PATH = "/v1/messages/batches"


def services_of(client: FlaskClient) -> Services:
    services: Services = client.application.extensions["services"]
    return services


def requests_of(*texts: str, **changes: Any) -> dict[str, Any]:
    """A batch's body, with the texts' places as custom ids."""
    numbered = enumerate(texts)
    return {"requests": [{"custom_id": f"n{at}", "params": messages_body(text, **changes)} for at, text in numbered]}


def create(client: FlaskClient, *texts: str, **changes: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=requests_of(*texts, **changes))
    assert answer.status_code == 200, answer.get_json()
    batch: dict[str, Any] = answer.get_json()
    return batch


def ended(client: FlaskClient, batch_id: str, *, patience_s: float = 20) -> dict[str, Any]:
    """The batch once it has ended."""
    give_up_at = time.monotonic() + patience_s
    while True:
        batch: dict[str, Any] = client.get(f"{PATH}/{batch_id}").get_json()
        if batch["processing_status"] == "ended":
            return batch
        assert time.monotonic() < give_up_at, batch
        time.sleep(0.02)


def results(client: FlaskClient, batch_id: str) -> dict[str, dict[str, Any]]:
    """Each request's result, by custom id; there is one line for each."""
    answer = client.get(f"{PATH}/{batch_id}/results")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-jsonl")
    lines = [orjson.loads(line) for line in answer.get_data().splitlines()]
    assert len({line["custom_id"] for line in lines}) == len(lines)
    return {line["custom_id"]: line["result"] for line in lines}


def counts(**ended_as: int) -> dict[str, int]:
    return {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0} | ended_as
