"""Thousands of streams that wait in the queue and hear nothing but pings: what each costs, what liveness notices."""

import asyncio
import time
from dataclasses import dataclass

import psutil

from deploy.limits import raise_open_files
from deploy.process_memory import resident_bytes
from tests.chaos.testbed import Testbed
from tests.perf.bench.streams import p50, p99
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import ask, asked
from tests.perf.load.results import Bar, Outcome
from tests.perf.load.service import api_pid, body, tokens_for

STREAMS = 2_000
OPENED_AT_ONCE = 8
PING_S = 10.0
HEALTH_EVERY_S = 0.1
ALONE_S = 20.0
BLOCKER_S = 150.0
"""The engine has one place, and answers that take minutes are before all others."""
MAX_KIB = 64
MAX_LIVENESS_MS = 50


@dataclass(slots=True)
class Idle:
    heard_at: float = 0.0
    pings: int = 0
    end: str = ""
    """Why it is no longer open; an idle stream has no reason to end."""


def run(conditions: Conditions) -> Outcome:
    count = conditions.count(STREAMS)
    limit = raise_open_files()
    if limit < count + 200:
        raise SystemExit(f"{count} streams need {count + 200} open files here and there; this machine allows {limit}.")
    minutes = conditions.minutes
    with Testbed(
        max_batch=1,
        max_waiting=count + 100,
        max_waiting_tokens=1_000_000_000,
        ping_interval_s=PING_S,
        deadline_s=minutes * 60 + 1800,
    ) as testbed:
        return asyncio.run(_held(testbed, count, minutes * 60))


async def _held(testbed: Testbed, count: int, held_s: float) -> Outcome:
    port, pid = testbed.settings.port, api_pid(testbed)
    for _ in range(50):
        await ask(port, "GET", "/health")
    alone_ms, _ = await _liveness(port, pid, ALONE_S)
    streams = [Idle() for _ in range(count)]
    blockers = [Idle() for _ in range(2 + int(held_s / BLOCKER_S))]
    tasks: list[asyncio.Task[None]] = []
    for number, blocker in enumerate(blockers):
        await _opened(port, number, tokens_for(BLOCKER_S), blocker, tasks)
    before_bytes = resident_bytes(pid)
    began_at = time.monotonic()
    turns = asyncio.Semaphore(OPENED_AT_ONCE)

    async def open_one(number: int) -> None:
        async with turns:
            await _opened(port, number, 4, streams[number], tasks)

    await asyncio.gather(*(open_one(number) for number in range(count)))
    opened_s = time.monotonic() - began_at
    cpu_before = _cpu_s(pid)
    took_ms, most_bytes = await _liveness(port, pid, held_s)
    cores = (_cpu_s(pid) - cpu_before) / held_s
    now = time.monotonic()
    dropped = [stream for stream in streams if stream.end or now - stream.heard_at > 3 * PING_S]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kib = (most_bytes - before_bytes) / count / 1024
    return Outcome(
        [
            Bar(
                f"{count:,} idle streams: at most {MAX_KIB} KiB of the API's memory each",
                f"{kib:.1f} KiB",
                kib <= MAX_KIB,
            ),
            Bar(f"none dropped in {held_s / 60:g} minutes", f"{len(dropped)} dropped", not dropped),
            Bar(
                f"liveness beside them: p99 under {MAX_LIVENESS_MS} ms",
                f"{p99(took_ms):.1f} ms",
                p99(took_ms) < MAX_LIVENESS_MS,
            ),
        ],
        {
            "liveness p50, p99 ms before there were any": f"{p50(alone_ms):.1f}, {p99(alone_ms):.1f}",
            "liveness p50 ms": round(p50(took_ms), 1),
            "liveness max ms": round(max(took_ms), 1),
            "liveness probes": len(took_ms),
            "seconds to open all": round(opened_s, 1),
            "cores that the API took while they were idle": round(cores, 2),
            "fewest pings of a stream": min(stream.pings for stream in streams),
            "ends of those dropped": sorted({stream.end for stream in dropped}),
        },
    )


async def _opened(port: int, number: int, tokens: int, stream: Idle, tasks: list[asyncio.Task[None]]) -> None:
    """Returns when the answer has begun, or was refused."""
    begun = asyncio.Event()
    tasks.append(asyncio.create_task(_read(port, number, tokens, stream, begun)))
    await begun.wait()


async def _read(port: int, number: int, tokens: int, stream: Idle, begun: asyncio.Event) -> None:
    try:
        async with asked(port, "POST", "/v1/messages", body(number, tokens) | {"stream": True}) as answer:
            stream.heard_at = time.monotonic()
            if answer.status != 200:
                stream.end = f"status {answer.status}"
                return
            async for piece in answer.pieces():
                begun.set()
                stream.heard_at = time.monotonic()
                stream.pings += piece.count(b"event: ping")
            stream.end = "the answer's end"
    except (OSError, EOFError, ValueError, TimeoutError) as error:
        stream.end = f"{type(error).__name__}: {error}"
    finally:
        begun.set()


async def _liveness(port: int, pid: int, held_s: float) -> tuple[list[float], int]:
    """Milliseconds that each probe took, a connection each; and the most memory that the API had."""
    took_ms, most_bytes = [], 0
    give_up_at = time.monotonic() + held_s
    while time.monotonic() < give_up_at:
        took_ms.append((await ask(port, "GET", "/health")).took_ms)
        most_bytes = max(most_bytes, resident_bytes(pid))
        await asyncio.sleep(HEALTH_EVERY_S)
    return took_ms, most_bytes


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
