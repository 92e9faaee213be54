"""A proxy on the loopback that passes everything on to one service, byte by byte as it comes, and keeps what it saw."""

import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

from tests.support import api_sse
from tests.support.api_sse import ServerEvent

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive"})
PATIENCE_S = 120.0


@dataclass(slots=True)
class Exchange:
    """One request and its answer; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    request: bytes
    status: int = 0
    answer: bytearray = field(default_factory=bytearray)

    @property
    def body(self) -> dict[str, Any]:
        parsed: dict[str, Any] = orjson.loads(self.request)
        return parsed

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def events(self) -> list[ServerEvent]:
        """Of a streamed answer."""
        return api_sse.read_text(self.answer.decode())


class RecordingProxy(ThreadingHTTPServer):
    """Runs from `with` to its end. Told as an HTTPS proxy, it refuses every connection and keeps whereto it was."""

    def __init__(self, service_port: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.service_port = service_port
        """May be told later, but before the first request."""
        self.exchanges: list[Exchange] = []
        """In the order in which the requests came."""
        self.refused: list[str] = []
        """Hosts outside that somebody wanted."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def messages(self) -> list[Exchange]:
        """The requests for answers."""
        return [seen for seen in self.exchanges if seen.path.partition("?")[0] == "/v1/messages"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RecordingProxy

    def do_CONNECT(self) -> None:
        self.server.refused.append(self.path)
        self.send_error(403)

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Exchange(self.command, self.path, headers, self.rfile.read(length))
        self.server.exchanges.append(seen)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.service_port, timeout=PATIENCE_S)
        try:
            upstream.request(self.command, self.path, seen.request or None, headers)
            self._pass_back(upstream.getresponse(), seen)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def _pass_back(self, response: http.client.HTTPResponse, seen: Exchange) -> None:
        seen.status = response.status
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if response.chunked:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while piece := response.read1():
            seen.answer += piece
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if response.chunked else piece)
        if response.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""
