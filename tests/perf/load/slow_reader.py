"""A client that reads one byte a second of a running answer, with a long past to catch up with, beside eight others."""

import asyncio
import socket
import time

import orjson

from tests.chaos.testbed import Testbed
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import HOST, ask, head_of
from tests.perf.load.results import Bar, Outcome
from tests.perf.load.service import body, tokens_for
from tests.perf.load.streams import STREAMS, gap_p99_ms, listening

PHASE_S = 15.0
PAIRS = 4
SETTLING_S = 2.0
PAST_S = 20.0
"""How long the answer that is read slowly has been running: all of that is sent to its reader at once."""
RECEIVE_BUFFER_BYTES = 2_048
SEGMENT_BYTES = 536
"""As over a poor line; with loopback's 64 kB the server's kernel would take megabytes before a write of it blocks."""
MAX_RATIO = 1.05
MAX_MORE_MS = 10.0


def run(conditions: Conditions) -> Outcome:
    with Testbed(max_batch=STREAMS + 1) as testbed:
        return asyncio.run(_by_turns(testbed.settings.port, conditions.seconds(PHASE_S)))


async def _by_turns(port: int, phase_s: float) -> Outcome:
    """The slow one's answer is computed all the time: what comes and goes is its reader."""
    tokens = tokens_for(PAST_S + (phase_s + SETTLING_S) * 2 * PAIRS + 20)
    job = await ask(port, "POST", "/v1/jobs", body(STREAMS, tokens))
    if job.status != 202:
        raise RuntimeError(f"a job got {job.status}: {job.body!r}")
    path = f"/v1/jobs/{orjson.loads(job.body)['id']}/events"
    alone: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    cuts: list[str] = []
    async with listening(port, [body(number, tokens) for number in range(STREAMS)]) as listeners:
        await asyncio.sleep(PAST_S)
        for _ in range(PAIRS):
            alone.append(await _phase(phase_s))
            reader = asyncio.create_task(_read_slowly(port, path))
            beside.append(await _phase(phase_s))
            reader.cancel()
            (cut,) = await asyncio.gather(reader, return_exceptions=True)
            if not isinstance(cut, asyncio.CancelledError):
                cuts.append(str(cut))
        without_ms, with_ms = gap_p99_ms(listeners, *alone), gap_p99_ms(listeners, *beside)
        ended = [listener.end for listener in listeners if listener.end != "silence"]
    holds = with_ms <= max(MAX_RATIO * without_ms, without_ms + MAX_MORE_MS) and not ended
    return Outcome(
        [
            Bar(
                f"a reader at one byte a second: p99 between words of {STREAMS} streams beside it at most "
                f"{MAX_RATIO - 1:.0%} or {MAX_MORE_MS:.0f} ms longer",
                f"{without_ms:.1f} ms without, {with_ms:.1f} ms with it",
                holds,
            )
        ],
        {
            "p99 ms of each phase without": [round(gap_p99_ms(listeners, span), 1) for span in alone],
            "p99 ms of each phase with": [round(gap_p99_ms(listeners, span), 1) for span in beside],
            "streams that ended early": ended,
            "ends of the slow reader": cuts,
        },
    )


async def _phase(seconds: float) -> tuple[float, float]:
    await asyncio.sleep(SETTLING_S)
    began_at = time.monotonic()
    await asyncio.sleep(seconds)
    return began_at, time.monotonic()


async def _read_slowly(port: int, path: str) -> None:
    """Until it is cancelled. Raises OSError where the server has cut it off."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        sock.setblocking(False)
        await loop.sock_connect(sock, (HOST, port))
        await loop.sock_sendall(sock, head_of("GET", path))
        while await loop.sock_recv(sock, 1):
            await asyncio.sleep(1.0)
    raise ConnectionError("cut off")
