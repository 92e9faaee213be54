"""What a running service says of its model, asked over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.failure import Failure
from deploy.running import Running
from deploy.served_model import ServedModel
from tests.support.service import free_port

LISTED = json.dumps({"data": [{"id": "local", "max_input_tokens": 4096}]}).encode()


@contextmanager
def listing(status: int, body: bytes) -> Iterator[Running]:
    """A service that gives this answer to whoever brings the key."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.headers["x-api-key"] == "key" else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Running("127.0.0.1", server.server_port, "local", worker=True)
        server.shutdown()
        thread.join()


def test_name_and_context_are_the_services_own() -> None:
    with listing(200, LISTED) as running:
        assert ServedModel.of(running, "key") == ServedModel("local", 4096)


@pytest.mark.parametrize(("status", "key", "why"), [(200, "", "PENSIEVE_API_KEY"), (503, "key", "answered 503")])
def test_a_refusal_is_one_sentence(status: int, key: str, why: str) -> None:
    with listing(status, LISTED) as running, pytest.raises(Failure, match=why):
        ServedModel.of(running, key)


def test_a_service_that_is_gone_is_one_sentence() -> None:
    running = Running("127.0.0.1", free_port(), "local", worker=True)

    with pytest.raises(Failure, match="does not answer"):
        ServedModel.of(running, "key")
