"""The access log's lines."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from deploy.access_log import AccessLog


@pytest.mark.parametrize(
    ("raw", "logged"),
    [
        ("/v1/messages?beta=true&key=secret", "/v1/messages"),
        ("/v1/%0aforged?x", "/v1/%0aforged"),
        ("/caf\u00e9", "/caf\\xe9"),
    ],
)
def test_a_path_is_logged_without_its_query_and_as_it_came(raw: str, logged: str) -> None:
    environ = {"RAW_URI": raw, "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "PATH_INFO": "/v1/\nforged"}
    response = SimpleNamespace(status="200 OK", sent=2, headers=[])
    atoms = AccessLog(Config()).atoms(response, SimpleNamespace(headers=[]), environ, timedelta(0))

    assert atoms["U"] == logged
