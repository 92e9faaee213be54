"""API and worker as processes of their own over one Redis, a fake engine between them, and clients of theirs."""

import http.client
import threading
import time
from pathlib import Path
from typing import Any, Self

import orjson

from tests.support import api_sse
from tests.support.api_fakes import MODEL, messages_body
from tests.support.api_server import ApiServer
from tests.support.worker import wait_until
from tests.support.worker_process import KeptWorker

STEP_S = 0.02
PATIENCE_S = 30.0


class WholeService:
    """Any Redis, which need not run yet. The worker is started again whenever it ends; `ends` says how often it was."""

    def __init__(self, redis_url: str, home: Path) -> None:
        self._api = ApiServer(redis_url, home / "api.log", home=home, ping_interval_s=0.2)
        self._worker = KeptWorker(redis_url, home, engine=f"FakeEngine(EOS, {STEP_S})", model=MODEL)

    def __enter__(self) -> Self:
        self._api.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._worker.__exit__(*exception)
        self._api.__exit__(*exception)

    @property
    def worker_ends(self) -> int:
        return self._worker.ends

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers in lower case, and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._api.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, orjson.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, orjson.loads(answer.read())
        finally:
            connection.close()

    def readiness(self) -> tuple[int, dict[str, Any]]:
        status, _, answer = self.ask("GET", "/health/ready")
        return status, answer["checks"]["redis"]

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.ask("GET", "/health/ready")[0] == 200, "readiness")
        # What the API knows of workers is a second old at the most.
        self.wait_until_accepting()

    def wait_until_accepting(self) -> None:
        wait_until(lambda: self.accept("ready?") is not None, "an accepted request")

    def wait_until_ended(self, job_id: str) -> None:
        """In success."""
        wait_until(
            lambda: self.ask("GET", f"/v1/jobs/{job_id}")[2].get("status") == "succeeded", f"the end of {job_id}"
        )

    def accept(self, text: str) -> str | None:
        """A job's id; None where it is refused as overload."""
        status, headers, answer = self.ask("POST", "/v1/jobs", messages_body(text))
        if status == 529:
            assert int(headers["retry-after"]) > 0
            return None
        assert status == 202, answer
        return str(answer["id"])

    def streams(self, count: int, length: int) -> list["Stream"]:
        """Open ones, each of which has begun to say something of its own, `length` characters long."""
        texts = ["".join(chr(97 + (at * (number + 3)) % 26) for at in range(length)) for number in range(count)]
        streams = [Stream(self._api.port, text) for text in texts]
        wait_until(lambda: all(stream.said or stream.end for stream in streams), "the first words of all streams")
        return streams


class Stream:
    """Reads an answer as it comes."""

    def __init__(self, port: int, text: str) -> None:
        self.expected = f"<user>{text}<assistant>"
        self.said = ""
        self.said_at = 0.0
        """When the last of it came, by the monotonic clock."""
        self.end: dict[str, Any] | None = None
        self.pings = 0
        self._port = port
        self._text = text
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def outcome(self) -> tuple[str, str]:
        """What was said, and the type of the last event."""
        self._thread.join(PATIENCE_S)
        return self.said, self.end["type"] if self.end else "silence"

    @property
    def exact(self) -> tuple[str, str]:
        return self.expected, "message_stop"

    def _read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        body = orjson.dumps(messages_body(self._text, stream=True, max_tokens=2_000))
        connection.request("POST", "/v1/messages", body, {"content-type": "application/json"})
        with connection.getresponse() as answer:
            if answer.status != 200:
                self.end = orjson.loads(answer.read())
                return
            for event in api_sse.read(line.decode().rstrip("\n") for line in answer):
                self._take(event.data)
        connection.close()

    def _take(self, frame: dict[str, Any]) -> None:
        text = frame["delta"]["text"] if frame["type"] == "content_block_delta" else ""
        if text:
            self.said += text
            self.said_at = time.monotonic()
        elif frame["type"] in {"ping", "content_block_delta"}:
            # A block that says nothing keeps a silent stream alive as well.
            self.pings += 1
        elif frame["type"] in {"message_stop", "error"}:
            self.end = frame
