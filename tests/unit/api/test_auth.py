"""Who may ask: the key, the Host and the Origin, on every route there is."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.auth import require_key
from api.caller import tenant
from api.scopes import need_of
from queue_config.api_keys import SCOPES, KeyFile, Limits, Scope
from queue_config.errors import BadSetting
from tests.support import api_fakes

KEY = "s3cret"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


@pytest.fixture
def guarded() -> Iterator[FlaskClient]:
    with api_fakes.client(api_key=KEY) as client:
        yield client


@pytest.fixture
def open_service() -> Iterator[FlaskClient]:
    with api_fakes.client() as client:
        yield client


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """An endpoint, a method and a path for every route of the application."""
    found = []
    for rule in app.url_map.iter_rules():
        _, path = rule.build(dict.fromkeys(rule.arguments, "x")) or ("", "")
        found += [(rule.endpoint, method, path) for method in sorted(rule.methods or {"GET"})]
    return found


def test_every_route_says_what_it_is_for(guarded: FlaskClient) -> None:
    forgotten = {endpoint for endpoint, _, _ in routes(guarded.application) if need_of(endpoint) is None}

    assert forgotten == set()


def test_every_route_that_is_not_open_wants_a_key(guarded: FlaskClient) -> None:
    asked = [(method, path) for endpoint, method, path in routes(guarded.application) if need_of(endpoint) != "open"]
    answers = {(method, path): guarded.open(path, method=method).status_code for method, path in asked}

    assert {("POST", "/v1/messages"), ("GET", "/v1/stream"), ("GET", "/health/ready")} <= set(asked)
    assert set(answers.values()) == {401}
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/nowhere").status_code == 401


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_the_routes_of_its_scope_and_no_others(scope: Scope, tmp_path: Path) -> None:
    key = KeyFile(tmp_path).create("one", (scope,), Limits())
    with api_fakes.client(home=tmp_path) as client:
        app = client.application
        sockets = {rule.endpoint for rule in app.url_map.iter_rules() if rule.websocket}
        statuses = {
            endpoint: client.open(
                path, method=method, headers={"x-api-key": key} | (UPGRADE if endpoint in sockets else {})
            ).status_code
            for endpoint, method, path in routes(app)
        }

    refused = {endpoint for endpoint, status in statuses.items() if status == 403}

    assert refused == {endpoint for endpoint, _, _ in routes(app) if need_of(endpoint) not in {"open", "any", scope}}


def test_a_route_whose_scope_was_forgotten_is_refused(tmp_path: Path) -> None:
    key = KeyFile(tmp_path).create("one", SCOPES, Limits())
    with api_fakes.application(home=tmp_path) as app:
        app.add_url_rule("/new", endpoint="new.thing", view_func=lambda: "hello")
        answer = app.test_client().get("/new", headers={"x-api-key": key})

    assert answer.status_code == 403


def test_keys_made_and_revoked_while_the_service_runs_count_at_once(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    with api_fakes.client(home=tmp_path) as client:
        statuses = [client.get("/v1/models").status_code]
        headers = {"x-api-key": keys.create("one", ("messages",), Limits())}
        statuses += [client.get("/v1/models", headers=asked).status_code for asked in ({}, headers)]
        keys.revoke("one")
        statuses += [client.get("/v1/models", headers=asked).status_code for asked in ({}, headers)]

    assert statuses == [200, 401, 200, 401, 401]


def test_keys_that_cant_be_read_let_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with api_fakes.client(home=tmp_path) as client:
        answer = client.get("/v1/models", headers={"x-api-key": KEY})

    assert answer.status_code == 500


@pytest.mark.parametrize(
    ("host", "may_start"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.2", False),
        ("desk.local", False),
    ],
)
def test_without_any_key_the_service_starts_for_this_machine_alone(host: str, may_start: bool, tmp_path: Path) -> None:
    keyless = api_fakes.settings(host=host, home=tmp_path)
    with nullcontext() if may_start else pytest.raises(BadSetting, match="pensieve keys create"):
        require_key(keyless)
    KeyFile(tmp_path).create("one", ("messages",), Limits())

    require_key(keyless)
    require_key(api_fakes.settings(host=host, home=tmp_path / "other", api_key=KEY))


def test_other_names_and_pages_are_let_in_where_they_are_named() -> None:
    with api_fakes.client(
        allowed_hosts="Chat.example.com, desk.local", allowed_origins="https://chat.example.com"
    ) as client:
        page = {"Host": "chat.example.com", "Origin": "https://chat.example.com"}
        statuses = [
            client.get("/v1/models", headers=headers).status_code
            for headers in (page, {"Host": "desk.local:7777"}, page | {"Origin": "https://evil.example"})
        ]

    assert statuses == [200, 200, 403]


def test_a_page_that_is_named_may_read_answers_and_ask_before_it_has_a_key() -> None:
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    with api_fakes.client(api_key=KEY, allowed_origins="https://chat.example.com") as client:
        page = {"Origin": "https://chat.example.com"}
        asked = client.options("/v1/messages", headers=page | wish)
        keyless = client.post("/v1/messages", headers=page)
        stranger = client.options("/v1/messages", headers={"Origin": "https://evil.example"} | wish)

    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (200, page["Origin"])
    assert asked.headers["Access-Control-Allow-Headers"] == "x-api-key"
    assert (keyless.status_code, keyless.headers["Access-Control-Allow-Origin"]) == (401, page["Origin"])
    assert (stranger.status_code, stranger.headers.get("Access-Control-Allow-Origin")) == (403, None)


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
