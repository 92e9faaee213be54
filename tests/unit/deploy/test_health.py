"""Asking a service how it is, over HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.health import Answer, Health, ask
from tests.support.service import free_port

NOT_READY = b'{"checks": {"redis": {"ok": true}, "worker": {"ok": false, "why": "no lease"}}}'


@pytest.fixture
def port() -> Iterator[int]:
    """A service with a key that tells /health/ready apart from the rest."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ready = 503 if self.path == "/health/ready" else 200
            self.send_response(ready if self.headers["x-api-key"] == "key" else 401)
            self.end_headers()
            self.wfile.write(NOT_READY)

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_is_told_with_the_key(port: int) -> None:
    assert ask("127.0.0.1", port, api_key="key") == Answer(Health.NOT_READY, "no lease")
    assert ask("127.0.0.1", port, "/health", api_key="key") == Answer(Health.READY)


def test_without_the_key_it_is_refused_and_says_so(port: int) -> None:
    assert ask("127.0.0.1", port) == Answer(Health.REFUSED, "it wants its key in PENSIEVE_API_KEY")


def test_where_nobody_listens_it_is_silent() -> None:
    assert ask("127.0.0.1", free_port()) == Answer(Health.SILENT)
