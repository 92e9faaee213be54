"""Every hostile body and handshake that is known, one after the other, beside streams that run."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.perf.bench.streams import p50, p99
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import PATIENCE_S, ask, head_of, sent
from tests.perf.load.results import Bar, Outcome
from tests.perf.load.streams import STREAMS, gap_p99_ms, listening
from tests.support.api_fakes import MODEL, messages_body
from tests.support.api_server import ApiServer
from tests.support.hostile_bodies import Hostile
from tests.support.hostile_bodies import corpus as bodies
from tests.support.hostile_handshakes import KEY
from tests.support.hostile_handshakes import corpus as handshakes
from tests.support.redis_server import RedisServer
from tests.support.worker_process import WorkerChild

STEP_S = 0.05
ALONE_S = 8.0
CHARACTERS = 950
"""Of each stream's answer, a step each: longer than all of it takes, and with its prompt as much as the context has."""
MAX_MS = 200
MAX_BODY_BYTES = 400_000


class Case(NamedTuple):
    name: str
    content: bytes
    status: int
    """0 where the connection is to be closed without a word."""


class Found(NamedTuple):
    case: Case
    status: int
    took_ms: float


def run(conditions: Conditions) -> Outcome:
    with (
        RedisServer() as redis,
        tempfile.TemporaryDirectory(prefix="pensieve-load-") as folder,
        WorkerChild(redis.url, Path(folder), engine=f"FakeEngine(EOS, {STEP_S})", model=MODEL),
        ApiServer(redis.url, Path(folder) / "log", api_key=KEY, home=folder, max_body_bytes=MAX_BODY_BYTES) as server,
    ):
        return asyncio.run(_beside(server.port, conditions))


async def _beside(port: int, conditions: Conditions) -> Outcome:
    texts = ["".join(chr(97 + at * (number + 3) % 26) for at in range(CHARACTERS)) for number in range(STREAMS)]
    asking = [messages_body(text, max_tokens=CHARACTERS) for text in texts]
    # Nobody is let in before the worker has been seen.
    async with asyncio.timeout(PATIENCE_S):
        while (await ask(port, "POST", "/v1/messages", messages_body("ready?"), x_api_key=KEY)).status != 200:
            await asyncio.sleep(0.2)
    async with listening(port, asking, x_api_key=KEY) as listeners:
        alone = (time.monotonic(), time.monotonic() + conditions.seconds(ALONE_S))
        await asyncio.sleep(alone[1] - alone[0])
        first = [await _try(port, Case(case.name, _request_of(case), case.status)) for case in bodies()]
        second = [await _try(port, Case(case.name, case.head, case.status)) for case in handshakes()]
        beside = (alone[1], time.monotonic())
        while any(listener.end == "silence" for listener in listeners):
            await asyncio.sleep(0.1)
    changed = sum(
        listener.text != f"<user>{text}<assistant>"[:CHARACTERS] or listener.end != "message_stop"
        for listener, text in zip(listeners, texts, strict=True)
    )
    found = [*first, *second]
    wrong = [one for one in found if one.status != one.case.status]
    slowest = max(found, key=lambda one: one.took_ms)
    failures = [one for one in found if one.status >= 500]
    # "Not implemented" is what HTTP has for a transfer coding that a server doesn't know: it is no failure of ours.
    unexpected = [one for one in failures if one.case.status < 500]
    without_ms, with_ms = gap_p99_ms(listeners, alone), gap_p99_ms(listeners, beside)
    return Outcome(
        [
            Bar(
                f"{len(first)} hostile bodies and {len(second)} hostile handshakes: each the exact status",
                f"{len(wrong)} others",
                not wrong and len(first) >= 150 and len(second) >= 40,
            ),
            Bar(
                f"each within {MAX_MS} ms", f"{slowest.took_ms:.0f} ms ({slowest.case.name})", slowest.took_ms <= MAX_MS
            ),
            Bar("zero 5xx, but for one 501 that HTTP asks for", f"{len(unexpected)}", not unexpected),
            Bar(f"{STREAMS} streams beside them unchanged", f"{changed} changed", not changed),
        ],
        {
            "answers, p50 ms": round(p50([one.took_ms for one in found]), 1),
            "answers, p99 ms": round(p99([one.took_ms for one in found]), 1),
            "p99 ms between the streams' words, alone": round(without_ms, 1),
            "p99 ms between the streams' words, beside them": round(with_ms, 1),
            "of another status": _named(wrong),
            "slower than the bar": _named([one for one in found if one.took_ms > MAX_MS]),
            "5xx": _named(failures),
        },
    )


def _request_of(case: Hostile) -> bytes:
    headers = {"x-api-key": KEY, "Content-Type": case.content_type, **case.headers}
    return head_of("POST", case.path, case.body, **headers) + case.body


async def _try(port: int, case: Case) -> Found:
    """Until the head of the answer is there, a new connection included."""
    began_at = time.monotonic()
    try:
        async with sent(port, case.content) as answer:
            status = answer.status
    except (EOFError, ConnectionError):
        status = 0
    return Found(case, status, (time.monotonic() - began_at) * 1000)


def _named(found: Sequence[Found]) -> list[str]:
    return [f"{one.case.name}: {one.status}, {one.took_ms:.0f} ms" for one in found]
