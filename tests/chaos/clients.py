"""Clients of six kinds; each takes one request from asking to its end, and comes back after whatever happens."""

import time
import uuid
from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from tests.chaos.ledger import Entry, Ledger, Refusal
from tests.chaos.streams import Broken, hear

MODEL = "claude"
"""Any such name is served by the default model."""
SEED = 7
BATCH = ("a", "b")
"""The names of a batch's requests."""
PATIENCE_S = 180.0
"""An accepted request that has no end by then is lost."""
RETRY_S = 0.1
POLL_S = 0.2
SILENCE_S = 15.0
"""The service pings every second, so that a connection with less is dead."""
REFUSED = frozenset({429, 500, 502, 503, 504, 529})


class Gone(Exception):
    """An accepted request that the service doesn't know."""


class Clients:
    """Share a pool of connections; each call blocks its thread until its request has ended."""

    def __init__(self, url: str, ledger: Ledger, max_tokens: int = 1000) -> None:
        self.url = url
        self.ledger = ledger
        self._max_tokens = max_tokens
        self._http = urllib3.PoolManager(maxsize=64, retries=False, headers={"content-type": "application/json"})

    def run(self, entry: Entry, *, flaky: bool = False, cancel_after_s: float | None = None) -> None:
        """By the entry's kind. A flaky client leaves its streams every moment and comes back."""
        try:
            self._run(entry, flaky=flaky, cancel_after_s=cancel_after_s)
        except Gone as error:
            entry.end("lost", str(error))

    def _run(self, entry: Entry, *, flaky: bool, cancel_after_s: float | None) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        match entry.kind:
            case "wait":
                self._wait(entry, give_up_at, "/v1/messages", self._body(entry))
            case "seeded":
                self._wait(entry, give_up_at, "/v1/chat/completions", self._seeded_body(entry))
            case "batch":
                self._create(entry, give_up_at, "/v1/messages/batches", self._batch_body(entry))
                self._poll_batch(entry, give_up_at)
            case "message":
                self._message(entry, give_up_at)
                self._follow(entry, give_up_at, flaky=flaky)
            case "poll":
                self._create(entry, give_up_at, "/v1/jobs", self._body(entry))
                self._poll(entry, give_up_at)
            case "stream":
                self._create(entry, give_up_at, "/v1/jobs", self._body(entry))
                if cancel_after_s is not None:
                    time.sleep(cancel_after_s)
                    self._cancel(entry, give_up_at)
                self._follow(entry, give_up_at, flaky=flaky)

    # Asking

    def _asked(self, entry: Entry) -> dict[str, Any]:
        said = {"system": entry.prompt.text, "messages": [{"role": "user", "content": "Go on."}]}
        return {"model": MODEL, "max_tokens": self._max_tokens, "temperature": 0, **said}

    def _body(self, entry: Entry, **more: Any) -> bytes:
        return orjson.dumps(self._asked(entry) | more)

    def _batch_body(self, entry: Entry) -> bytes:
        """The same request several times."""
        return orjson.dumps(
            {"requests": [{"custom_id": name, "params": self._asked(entry)} for name in BATCH]}
        )  # fmt: skip

    def _seeded_body(self, entry: Entry) -> bytes:
        said = [{"role": "system", "content": entry.prompt.text}, {"role": "user", "content": "Go on."}]
        drawn = {"temperature": 1.0, "seed": SEED}
        return orjson.dumps({"model": MODEL, "max_tokens": self._max_tokens, "messages": said, **drawn})

    def _create(self, entry: Entry, give_up_at: float, path: str, body: bytes) -> None:
        while time.monotonic() < give_up_at and not entry.accepted_at:
            answer = self._ask(entry, path, body)
            if answer is not None:
                entry.accept(answer["id"])

    def _wait(self, entry: Entry, give_up_at: float, path: str, body: bytes) -> None:
        """The same key again finds the same request, whatever became of the connection."""
        key = {"idempotency-key": str(uuid.uuid4())}
        while time.monotonic() < give_up_at:
            answer = self._ask(entry, path, body, **key)
            if answer is not None:
                entry.accept(answer["id"])
                entry.hear(0, _text_of(answer))
                return entry.end("succeeded")
            entry.comebacks += 1
        return None

    def _ask(self, entry: Entry, path: str, body: bytes, **headers: str) -> dict[str, Any] | None:
        """None, after a moment, where the service didn't accept or nobody knows whether it did."""
        began_at = time.monotonic()
        timeout = urllib3.Timeout(connect=2.0, read=PATIENCE_S if entry.kind in {"wait", "seeded"} else SILENCE_S)
        try:
            response = self._http.request(
                "POST", self.url + path, body=body, headers={**self._http.headers, **headers}, timeout=timeout
            )
        except HTTPError:
            self._refused(began_at, None)
            return None
        if response.status in REFUSED:
            self._refused(began_at, response)
            return None
        if response.status >= 400:
            raise AssertionError(f"{path}: {response.status} {response.data!r}")
        return orjson.loads(response.data)  # type: ignore[no-any-return]

    def _refused(self, began_at: float, response: Any) -> None:
        now = time.monotonic()
        if response is None:
            refusal = Refusal(now, 0, now - began_at, has_retry_after=False)
        else:
            why = response.data.decode()
            refusal = Refusal(now, response.status, now - began_at, "retry-after" in response.headers, why)
        self.ledger.refuse(refusal)
        time.sleep(RETRY_S)

    def _cancel(self, entry: Entry, give_up_at: float) -> None:
        while time.monotonic() < give_up_at:
            if self._ask(entry, f"/v1/jobs/{entry.id}/cancel", b"{}") is not None:
                return

    # Hearing

    def _message(self, entry: Entry, give_up_at: float) -> None:
        """A stream without ids; broken, it goes on as the job that it is."""
        while time.monotonic() < give_up_at and not entry.accepted_at:
            began_at = time.monotonic()
            try:
                response = self._http.request(
                    "POST", f"{self.url}/v1/messages", body=self._body(entry, stream=True), headers=self._http.headers,
                    preload_content=False, timeout=urllib3.Timeout(connect=2.0, read=SILENCE_S),
                )  # fmt: skip
                if response.status in REFUSED:
                    self._refused(began_at, response)
                    continue
                hear(entry, response, 0)
            except HTTPError:
                if not entry.accepted_at:
                    self._refused(began_at, None)

    def _follow(self, entry: Entry, give_up_at: float, *, flaky: bool) -> None:
        """Its job's events to the end, each time from behind the last one that came."""
        last_id = ""
        while not entry.ended_at and time.monotonic() < give_up_at:
            headers = {**self._http.headers, "Last-Event-ID": last_id} if last_id else self._http.headers
            try:
                response = self._http.request(
                    "GET", f"{self.url}/v1/jobs/{entry.id}/events", headers=headers, preload_content=False,
                    timeout=urllib3.Timeout(connect=2.0, read=SILENCE_S),
                )  # fmt: skip
                if response.status == 404:
                    raise Gone(f"404 {response.data!r}")
                if response.status == 200:
                    last_id = hear(entry, response, len(entry.text) if last_id else 0, last_id, flaky=flaky)
                else:
                    response.drain_conn()
            except Broken as broken:
                last_id = broken.last_id
            except HTTPError:
                pass
            if not entry.ended_at:
                entry.comebacks += 1
                time.sleep(RETRY_S)

    def _poll(self, entry: Entry, give_up_at: float) -> None:
        known = 0
        while not entry.ended_at and time.monotonic() < give_up_at:
            time.sleep(POLL_S)
            try:
                response = self._http.request("GET", f"{self.url}/v1/jobs/{entry.id}", timeout=SILENCE_S)
            except HTTPError:
                entry.comebacks += 1
                continue
            if response.status == 404:
                raise Gone(f"404 {response.data!r}")
            if response.status == 200:
                known = _look_at(orjson.loads(response.data), known, entry)

    def _poll_batch(self, entry: Entry, give_up_at: float) -> None:
        path = f"{self.url}/v1/messages/batches/{entry.id}"
        while not entry.ended_at and time.monotonic() < give_up_at:
            time.sleep(POLL_S)
            try:
                response = self._http.request("GET", path, timeout=SILENCE_S)
                if response.status == 404:
                    raise Gone(f"404 {response.data!r}")
                if response.status == 200 and orjson.loads(response.data)["processing_status"] == "ended":
                    response = self._http.request("GET", f"{path}/results", timeout=SILENCE_S)
                    if response.status == 200:
                        _take_results(response.data, entry)
            except HTTPError:
                entry.comebacks += 1


def _take_results(lines: bytes, entry: Entry) -> None:
    """All of a batch's answers are the same."""
    results = [orjson.loads(line) for line in lines.splitlines()]
    if sorted(result["custom_id"] for result in results) != list(BATCH):
        entry.faults.append(f"results of {[result['custom_id'] for result in results]}")
    kinds = {result["result"]["type"] for result in results}
    if kinds != {"succeeded"}:
        return entry.end("errored", str(kinds))
    texts = [result["result"]["message"]["content"][0]["text"] for result in results]
    for text in texts:
        entry.hear(0, text)
    return entry.end("succeeded")


def _look_at(job: dict[str, Any], known: int, entry: Entry) -> int:
    """A job as it stands, when `known` tokens of it were; returns how many there are now."""
    tokens: int = job["progress"]["output_tokens"]
    if tokens < known:
        entry.faults.append(f"{tokens} tokens after {known}")
    elif tokens > known:
        entry.heard_at.append(time.monotonic())
    if job["status"] == "succeeded":
        entry.hear(0, job["result"]["content"][0]["text"])
    if job["status"] not in {"queued", "running"}:
        entry.end(job["status"], str(job["error"] or ""))
    return tokens


def _text_of(answer: dict[str, Any]) -> str:
    text: str = answer["content"][0]["text"] if "content" in answer else answer["choices"][0]["message"]["content"]
    return text
