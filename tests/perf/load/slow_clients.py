"""A thousand clients that say as little as they can, and come back when they are cut off; others ask beside them."""

import asyncio
import time
from collections import Counter
from typing import NamedTuple

from deploy.limits import raise_open_files
from tests.chaos.testbed import Testbed
from tests.perf.bench.streams import p50, p99
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import HOST, ask, asked, head_of
from tests.perf.load.results import Bar, Outcome
from tests.perf.load.service import MODEL, body
from tests.support.hostile_handshakes import handshake

EACH = 250
BESIDE_S = 60.0
ALONE_S = 15.0
ARRIVING_S = 15.0
DRIP_EVERY_S = 2.0
ASK_EVERY_S = 0.05
MAX_MS = 200


class Kind(NamedTuple):
    opening: bytes
    drip: bytes
    """What comes now and then."""
    beyond: bytes = b""
    """What is said once the server has answered the opening."""


KINDS = {
    "silent": Kind(b"", b""),
    "head in drips": Kind(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a"),
    "body in drips": Kind(head_of("POST", "/v1/messages", b" " * 100_000) + b"{", b" "),
    # A text of 60,000 bytes, masked with zeros.
    "WebSocket frame in drips": Kind(handshake(without="x-api-key"), b"a", b"\x81\xfe\xea\x60\0\0\0\0"),
}


def run(conditions: Conditions) -> Outcome:
    raise_open_files()
    with Testbed(max_batch=16) as testbed:
        return asyncio.run(_beside(testbed.settings.port, conditions))


async def _beside(port: int, conditions: Conditions) -> Outcome:
    each = conditions.count(EACH)
    alone = await _ordinary(port, conditions.seconds(ALONE_S))
    cuts: Counter[str] = Counter()
    tasks = []
    for _ in range(each):
        tasks += [asyncio.create_task(_slow(port, kind, cuts)) for kind in KINDS]
        await asyncio.sleep(ARRIVING_S / each)
    beside = await _ordinary(port, conditions.seconds(BESIDE_S))
    still_trying = sum(not task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    took_ms = [ms for kind in beside.values() for ms in kind]
    return Outcome(
        [
            Bar(
                f"{len(tasks):,} slow sockets of four kinds: p99 of ordinary requests under {MAX_MS} ms",
                f"{p99(took_ms):.0f} ms",
                p99(took_ms) < MAX_MS and still_trying == len(tasks),
            )
        ],
        {
            f"{name}: p50, p99 ms alone; beside them": (
                f"{p50(alone[name]):.0f}, {p99(alone[name]):.0f}; {p50(beside[name]):.0f}, {p99(beside[name]):.0f}"
            )
            for name in beside
        }
        | {"requests beside them": len(took_ms), "times a slow one was cut off and came back": dict(cuts)},
    )


async def _slow(port: int, kind: str, cuts: Counter[str]) -> None:
    opening, drip, beyond = KINDS[kind]
    while True:
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(1.0)
            continue
        try:
            writer.write(opening)
            if beyond:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(beyond)
            while not await _is_closed(reader):
                writer.write(drip)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
        cuts[kind] += 1


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    """After a pause, in which whatever comes is read: answers and pings."""
    try:
        async with asyncio.timeout(DRIP_EVERY_S):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    return True


async def _ordinary(port: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each ordinary request, by its kind; one after the other, each on a connection of its own."""
    count_tokens = {"model": MODEL, "messages": [{"role": "user", "content": "How many are these?"}]}
    took_ms: dict[str, list[float]] = {name: [] for name in ("liveness", "models", "count_tokens", "first event")}
    give_up_at = time.monotonic() + seconds
    number = 0
    while time.monotonic() < give_up_at:
        number += 1
        for name, reply in (
            ("liveness", await ask(port, "GET", "/health")),
            ("models", await ask(port, "GET", "/v1/models")),
            ("count_tokens", await ask(port, "POST", "/v1/messages/count_tokens", count_tokens)),
        ):
            if reply.status != 200:
                raise RuntimeError(f"{name} got {reply.status}: {reply.body!r}")
            took_ms[name].append(reply.took_ms)
        took_ms["first event"].append(await _first_event_ms(port, number))
        await asyncio.sleep(ASK_EVERY_S)
    return took_ms


async def _first_event_ms(port: int, number: int) -> float:
    """Until `message_start` of a new answer, which is then read to its end."""
    began_at = time.monotonic()
    took_ms = 0.0
    async with asked(port, "POST", "/v1/messages", body(number, 2) | {"stream": True}) as answer:
        async for piece in answer.pieces():
            if not took_ms:
                took_ms = (time.monotonic() - began_at) * 1000
                if b"message_start" not in piece:
                    raise RuntimeError(f"got {answer.status}: {piece!r}")
    return took_ms
