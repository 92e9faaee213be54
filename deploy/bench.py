"""Measuring a running service from outside, over HTTP, as its clients see it."""

import http.client
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import orjson

from deploy.failure import Failure
from deploy.ports import reachable
from deploy.running import Running

PROMPTS = (
    "Write a long story about a lighthouse keeper.",
    "Explain in detail how bread is made.",
    "Describe a walk through an old city.",
    "Tell me everything about the water cycle.",
    "Write a long letter to a friend about a journey.",
    "Explain in detail how a bicycle works.",
    "Describe the seasons in the mountains.",
    "Write a long story about a lost dog.",
)
_PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class Stream:
    """One streamed answer; times in seconds from the moment when its request was sent."""

    output_tokens: int
    first_text_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Measurement:
    streams: int
    tokens_per_s: float
    """Of all streams together, from the first request to the last end: prompts count as time, not as tokens."""
    first_text_p50_s: float
    output_tokens: int


def measure(running: Running, streams: int, max_tokens: int, api_key: str) -> Measurement:
    """Run so many greedy streams at once. Raise Failure if one of them does not end well."""
    done: list[Stream] = []
    failures: list[str] = []

    def run(prompt: str) -> None:
        try:
            done.append(one_stream(running, prompt, max_tokens, api_key))
        except (Failure, OSError, http.client.HTTPException) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=run, args=(PROMPTS[n % len(PROMPTS)],)) for n in range(streams)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - started
    if failures:
        raise Failure(f"{len(failures)} of {streams} streams failed: {failures[0]}")
    return summary(done, took_s)


def summary(done: list[Stream], took_s: float) -> Measurement:
    tokens = sum(stream.output_tokens for stream in done)
    return Measurement(len(done), tokens / took_s, median(stream.first_text_s for stream in done), tokens)


def one_stream(running: Running, prompt: str, max_tokens: int, api_key: str) -> Stream:
    body = {
        "model": running.model_name,
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "messages": [{"role": "user", "content": prompt}],
    }
    headers = {"content-type": "application/json"} | ({"x-api-key": api_key} if api_key else {})
    connection = http.client.HTTPConnection(reachable(running.host), running.port, timeout=_PATIENCE_S)
    try:
        started = time.monotonic()
        connection.request("POST", "/v1/messages", orjson.dumps(body), headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise Failure(f"HTTP {response.status}: {response.read(500).decode(errors='replace')}")
        return follow(response, started)
    finally:
        connection.close()


def follow(lines: Iterable[bytes], started: float) -> Stream:
    """Read one SSE stream to its end. Raise Failure if it ends in an error or in silence."""
    first: float | None = None
    tokens = 0
    for line in lines:
        if not line.startswith(b"data: "):
            continue
        event = orjson.loads(line.removeprefix(b"data: "))
        match event["type"]:
            case "content_block_delta":
                first = first or time.monotonic()
            case "message_delta":
                tokens = event["usage"]["output_tokens"]
            case "message_stop":
                now = time.monotonic()
                return Stream(tokens, (first or now) - started, now - started)
            case "error":
                raise Failure(event["error"]["message"])
    raise Failure("the stream ended without message_stop")
