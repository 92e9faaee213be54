"""Measure what a request takes of Redis's memory, waiting and ended, by the length of its prompt and its answer.

    python -m tests.perf.redis_memory [--requests 100]

A private Redis is started for it. Prompts are token ids drawn evenly from a vocabulary of 50,000, which compress worse
than any text's. Answers have one event for each token, as when a worker decodes slower than it writes (20 ms); faster
ones share events and take less.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from queue_config.connection import Redis
from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Finished, Started
from queue_config.pieces import TextPiece
from queue_config.request import GenerationRequest, SamplingParams
from tests.support.redis_server import RedisServer
from tests.support.worker import MODEL, Desk, RunningWorker

PROMPTS = (0, 1_000, 8_000, 32_000)
ANSWERS = (0, 1_000, 8_000)
VOCABULARY = 50_000
AT_ONCE = 200
"""Events in one write of a log."""


def a_request(number: int, prompt_tokens: int) -> GenerationRequest:
    rng = random.Random(number)
    return GenerationRequest(
        id=f"msg_{number:024}",
        model=MODEL,
        prompt=tuple(rng.randrange(33, VOCABULARY) for _ in range(prompt_tokens)),
        sampling=SamplingParams(max_tokens=1),
        created_at=time.time(),
        deadline_at=time.time() + 600,
    )


def used_bytes(redis: Redis) -> int:
    """By keys and values, as Redis itself reckons them; what connections have in their buffers comes and goes."""
    return sum(redis.memory_usage(key, samples=0) or 0 for key in redis.scan_iter())


def answer(desk: Desk, job_id: str, tokens: int) -> None:
    """Write the log of an answer as a worker does, a token an event."""
    rng = random.Random(job_id)
    log = [Entry(job_id, Position(1, 1), Started(1, "host-0123abcd-gpu0.1234-1795304542"))]
    log += [
        Entry(job_id, Position(1, 2 + at), Delta((rng.randrange(VOCABULARY),), (TextPiece(" word"),)))
        for at in range(tokens)
    ]
    log.append(Entry(job_id, Position(1, 2 + tokens), Finished("end_turn", tokens)))
    for at in range(0, len(log), AT_ONCE):
        desk.log.append(log[at : at + AT_ONCE])


def waiting_bytes(desk: Desk, prompt_tokens: int, count: int) -> float:
    """Of one request."""
    desk.redis.flushall()
    before = used_bytes(desk.redis)
    for number in range(count):
        desk.queue.accept(a_request(number, prompt_tokens))
    return (used_bytes(desk.redis) - before) / count


def ended_bytes(desk: Desk, url: str, count: int) -> float:
    """Of one request without a prompt, and an answer of one token, when RQ's books are closed on it."""
    desk.redis.flushall()
    with tempfile.TemporaryDirectory() as home, RunningWorker(url, Path(home)):
        desk.queue.accept(a_request(count, 0))
        desk.end(a_request(count, 0).id)
        before = used_bytes(desk.redis)
        for number in range(count):
            desk.queue.accept(a_request(number, 0))
        for number in range(count):
            desk.end(a_request(number, 0).id)
        while desk.redis.zcard(f"rq:wip:pensieve:{MODEL}:interactive"):
            time.sleep(0.01)
        return (used_bytes(desk.redis) - before) / count


def log_bytes(desk: Desk, tokens: int, count: int) -> float:
    """Of one answer's log alone."""
    desk.redis.flushall()
    before = used_bytes(desk.redis)
    for number in range(count):
        answer(desk, f"msg_{number:024}", tokens)
    return (used_bytes(desk.redis) - before) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100, help="of each kind")
    count = parser.parse_args().requests
    with RedisServer() as server:
        desk = Desk(server.url)
        table = Table(title=f"Redis's memory, means of {count} requests")
        table.add_column("what")
        table.add_column("bytes", justify="right")
        empty = waiting_bytes(desk, 0, count)
        for tokens in PROMPTS:
            used = waiting_bytes(desk, tokens, count)
            each = f", {(used - empty) / tokens:.1f} a token" if tokens else ""
            table.add_row(f"waiting, a prompt of {tokens:,} tokens", f"{used:,.0f}{each}")
        table.add_row("ended, no prompt, an answer of 1 token", f"{ended_bytes(desk, server.url, count):,.0f}")
        for tokens in ANSWERS:
            used = log_bytes(desk, tokens, max(1, count // 10))
            each = f", {used / tokens:.1f} a token" if tokens else ""
            table.add_row(f"the log of an answer of {tokens:,} tokens", f"{used:,.0f}{each}")
        Console().print(table)
        desk.redis.close()


if __name__ == "__main__":
    main()
