"""GET /v1/live/events over a real Redis: what is told fits its document."""

from collections.abc import Generator, Iterable
from typing import Any, cast

import jsonschema_rs
import orjson
from flask.testing import FlaskClient

from api.openapi.document import document
from tests.support.api_fakes import messages_body
from tests.support.live_report import NAME, Reporter, row

DOCUMENT = document("1")


def told(client: FlaskClient) -> Generator[dict[str, Any]]:
    """Each event, checked against the document's schema."""
    with client.get("/v1/live/events") as answer:
        for part in cast(Iterable[bytes], answer.response):
            _, _, data = part.partition(b"data: ")
            event = orjson.loads(data)
            schema = {"$ref": f"#/components/schemas/Live{event['type'].capitalize()}"}
            jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(event)
            yield event


def test_it_begins_with_the_last_minutes_and_goes_on_with_what_runs_and_waits(
    client: FlaskClient, redis_url: str
) -> None:
    client.post("/v1/jobs", json=messages_body("hi"))
    with Reporter(redis_url) as reporter:
        reporter.say(row(1), row(2, "prefilling"))
        events = told(client)
        first, second = next(events), next(events)
        events.close()

    assert (first["type"], second["type"]) == ("history", "picture")
    assert [worker["name"] for worker in second["workers"]] == [NAME]
    assert [(shown["state"], shown["prefilled_tokens"]) for shown in second["rows"]] == [
        ("decoding", 400),
        ("prefilling", 100),
    ]
    assert second["waiting"] == {"interactive": 0, "background": 1, "batch": 0}
    assert [(waiting["lane"], waiting["prompt_tokens"]) for waiting in second["queue"]] == [("background", 19)]
