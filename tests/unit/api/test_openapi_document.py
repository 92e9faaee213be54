"""The OpenAPI document: valid, and of exactly the routes that there are, in the code and in docs/API.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient

from api.openapi.document import document
from tests.support import api_fakes

ROOT = Path(__file__).parents[3]
DOCUMENT = document("1")
METHODS = {"get", "post", "delete"}

Route = tuple[str, str]


def documented() -> set[Route]:
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with api_fakes.client() as client:
        yield client


def test_it_is_valid() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_it_is_served_as_it_is(client: FlaskClient) -> None:
    served = client.get("/openapi.json")

    assert served.get_json() == DOCUMENT | {
        "info": DOCUMENT["info"] | {"version": served.get_json()["info"]["version"]}
    }


def test_every_route_is_in_it_and_no_other() -> None:
    with api_fakes.application() as app:
        routed = {
            (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    assert documented() == routed


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "$ref" and isinstance(item, str))
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_schema_is_used_and_every_reference_leads_to_one() -> None:
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert set(references(DOCUMENT)) == schemas


def test_every_operation_has_its_own_name() -> None:
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]

    assert sorted(names) == sorted(set(names))


def routes_in_the_manual() -> set[Route]:
    """The routes in the table of endpoints: `GET /health`, also several in one cell."""
    text = (ROOT / "docs/API.md").read_text()
    cells = re.findall(r"^\| (\[?`[A-Z][^|]*) \|", text, re.MULTILINE)
    return {
        (method, path)
        for cell in cells
        for method, path in re.findall(r"(GET|POST|DELETE|WebSocket) (/[\w/{}.]*)", cell)
    }


def test_the_manual_names_the_same_routes() -> None:
    # A socket begins as a GET.
    named = {("GET" if method == "WebSocket" else method, path) for method, path in routes_in_the_manual()}

    assert anonymous(named) == anonymous(documented())


def anonymous(routes: set[Route]) -> set[Route]:
    return {(method, re.sub(r"\{\w+\}", "{id}", path)) for method, path in routes}
