"""Who may ask: the key, the Host and the Origin, on every route there is."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.auth import OPEN_ENDPOINTS, tenant
from tests.support import api_fakes

KEY = "s3cret"


@pytest.fixture
def guarded() -> Iterator[FlaskClient]:
    with api_fakes.client(api_key=KEY) as client:
        yield client


@pytest.fixture
def open_service() -> Iterator[FlaskClient]:
    with api_fakes.client() as client:
        yield client


def paths(app: Flask) -> list[tuple[str, str]]:
    """A method and a path for every route of the application."""
    found = []
    for rule in app.url_map.iter_rules():
        _, path = rule.build(dict.fromkeys(rule.arguments, "x")) or ("", "")
        found += [(method, path) for method in sorted(rule.methods or {"GET"}) if rule.endpoint not in OPEN_ENDPOINTS]
    return found


def test_every_route_but_liveness_wants_the_key(guarded: FlaskClient) -> None:
    asked = [path for method, path in paths(guarded.application)]
    answers = {
        (method, path): guarded.open(path, method=method).status_code for method, path in paths(guarded.application)
    }

    assert "/v1/messages" in asked
    assert "/v1/stream" in asked
    assert set(answers.values()) == {401}
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/nowhere").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer {KEY}"},
        {"x-api-key": KEY, "Authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "Authorization": "Basic abc"},
    ],
)
def test_the_key_is_taken_from_either_header(guarded: FlaskClient, headers: dict[str, str]) -> None:
    assert guarded.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "x-api-key header is required"),
        ({"Authorization": f"Basic {KEY}"}, "x-api-key header is required"),
        ({"x-api-key": "wrong"}, "invalid x-api-key"),
        ({"x-api-key": "s3cr\xe9t"}, "invalid x-api-key"),
        ({"Authorization": "Bearer wrong"}, "invalid x-api-key"),
        ({"x-api-key": KEY, "Authorization": "Bearer wrong"}, "x-api-key and Authorization disagree"),
    ],
)
def test_a_wrong_key_is_401_and_says_what_is_wrong(guarded: FlaskClient, headers: dict[str, str], message: str) -> None:
    answer = guarded.get("/v1/models", headers=headers)

    assert answer.status_code == 401
    assert answer.get_json()["error"] == {"type": "authentication_error", "message": message}


@pytest.mark.parametrize("host", ["localhost", "localhost:7777", "127.0.0.1:7777", "[::1]:7777", "LOCALHOST"])
def test_the_services_own_names_are_answered(open_service: FlaskClient, host: str) -> None:
    assert open_service.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.0.2:7777", "127.0.0.1.nip.io"])
def test_a_rebound_name_is_refused(open_service: FlaskClient, host: str) -> None:
    answer = open_service.get("/v1/models", headers={"Host": host})

    assert answer.status_code == 403
    assert answer.get_json()["error"]["type"] == "permission_error"


def test_a_service_on_all_addresses_answers_to_addresses_but_not_to_foreign_names() -> None:
    with api_fakes.client(host="0.0.0.0") as client:
        statuses = [
            client.get("/v1/models", headers={"Host": host}).status_code
            for host in ("192.168.0.2:7777", "[fd00::2]:7777", "evil.example")
        ]

    assert statuses == [200, 200, 403]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1234", "https://localhost:7777"])
def test_another_origin_is_refused_before_any_work(open_service: FlaskClient, origin: str) -> None:
    headers = {"Origin": origin, "Host": "localhost:7777"}

    assert open_service.post("/v1/messages", headers=headers).status_code == 403
    assert open_service.get("/v1/stream", headers=headers | {"Upgrade": "websocket"}).status_code == 403


def test_the_services_own_pages_may_ask(open_service: FlaskClient) -> None:
    headers = {"Origin": "http://localhost:7777", "Host": "localhost:7777"}

    assert open_service.get("/v1/models", headers=headers).status_code == 200


def test_tenants_differ_by_their_keys_and_dont_show_them() -> None:
    names = [tenant(key) for key in (KEY, KEY + "x", "")]

    assert len(set(names)) == 3
    assert names[2] == ""
    assert KEY not in names[0]
