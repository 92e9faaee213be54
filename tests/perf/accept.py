"""Measure what a durable accept costs beside a plain enqueue.

    python -m tests.perf.accept [--pairs 2000]

By turns: our accept (record, place in the queue, tenant's index, bound, in one step) into a Redis with its append-only
file, and RQ's own enqueue into a Redis that keeps nothing.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
from redis import Redis
from rich.console import Console
from rq import Queue
from rq.serializers import JSONSerializer

from queue_config.connection import connect
from queue_config.job_queue import JobQueue
from queue_config.request import GenerationRequest, SamplingParams
from queue_config.settings import CHECKOUT
from tests.perf.bench.machine import machine
from tests.support.redis_server import RedisServer

PROMPT = tuple(range(1000, 1500))
WARM_UP = 100


def a_request(number: int) -> GenerationRequest:
    now = time.time()
    sampling = SamplingParams(max_tokens=100)
    return GenerationRequest(
        id=f"msg_{number:024}", model="m", prompt=PROMPT, sampling=sampling, created_at=now, deadline_at=now + 600
    )


def milliseconds(work: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    work()
    return (time.perf_counter() - began_at) * 1e3


def pairs(durable: Redis, plain: Redis, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each accept, and of each enqueue."""
    ours = JobQueue(durable, "m", max_waiting=10 * count, result_ttl_s=600)
    theirs = Queue("plain", connection=plain, serializer=JSONSerializer)
    accepts, enqueues = [], []
    for number in range(count):
        request = a_request(number)
        text = request.to_json()
        accepts.append(milliseconds(lambda request=request: ours.accept(request)))  # type: ignore[misc]
        enqueues.append(milliseconds(lambda text=text: theirs.enqueue("tasks.generate", text)))  # type: ignore[misc]
    return accepts[WARM_UP:], enqueues[WARM_UP:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.accept")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--results", type=Path, default=CHECKOUT / "docs" / "reliability")
    options = parser.parse_args()
    before = machine("none")
    with RedisServer(durable=True) as kept, RedisServer() as forgotten:
        durable, plain = connect(kept.url), connect(forgotten.url)
        accepts, enqueues = pairs(durable, plain, options.pairs + WARM_UP)
        durable.close()
        plain.close()
    figures = {
        f"{name}_p{percent}_ms": round(float(np.percentile(values, percent)), 3)
        for name, values in (("accept", accepts), ("enqueue", enqueues))
        for percent in (50, 99)
    }
    Console().print(figures)
    options.results.mkdir(parents=True, exist_ok=True)
    content = {"machine": before, "pairs": options.pairs, "prompt_tokens": len(PROMPT), **figures}
    (options.results / "accept.json").write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
