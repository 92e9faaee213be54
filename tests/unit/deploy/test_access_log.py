"""The access log's lines."""

import json
import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from deploy.access_log import access_log
from queue_config.logs import Format


def line_of(raw_uri: str, form: Format, capsys: pytest.CaptureFixture[str]) -> str:
    """What one request to this URI leaves on stdout, where gunicorn writes it."""
    config = Config()
    config.set("accesslog", "-")
    environ = {"RAW_URI": raw_uri, "REQUEST_METHOD": "GET", "REMOTE_ADDR": "127.0.0.1"}
    log = access_log(form)(config)
    try:
        answer = SimpleNamespace(status="200 OK", sent=2, headers=[("Request-Id", "req_1")])
        log.access(answer, None, environ, timedelta(milliseconds=12))
    finally:
        for name in ("gunicorn.access", "gunicorn.error"):
            logging.getLogger(name).handlers.clear()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("raw", "logged"),
    [
        ("/v1/messages?beta=true&key=secret", "/v1/messages"),
        ("/v1/%0aforged?x", "/v1/%0aforged"),
        ("/caf\u00e9", "/caf\\xe9"),
        ('/"},{"', '/"},{"'),
    ],
)
def test_a_path_is_logged_without_its_query_and_as_it_came(
    raw: str, logged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = line_of(raw, "json", capsys)
    line = json.loads(written)

    assert {name: line[name] for name in ("path", "method", "status", "sent_bytes", "duration_ms", "process")} == {
        "path": logged,
        "method": "GET",
        "status": 200,
        "sent_bytes": 2,
        "duration_ms": 12,
        "process": "api",
    }
    assert written.startswith('{"request_id":"req_1",')


def test_for_people_it_is_one_line_without_braces(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, rest = line_of("/v1/%0amessages", "text", capsys).partition(" ")

    fields = "client=127.0.0.1 method=GET path=/v1/%0amessages status=200 sent_bytes=2 duration_ms=12"

    assert rest == f"INFO    req_1 request {fields}\n"
