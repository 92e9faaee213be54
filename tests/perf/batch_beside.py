"""Measure what an interactive request waits for its first token while a batch of many small requests runs.

    python -m tests.perf.batch_beside [--requests 1000] [--model NAME]

The service is started as users start it, and driven by the official SDK. The batch's counts and every one of its
results are checked at the end.
"""

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from anthropic import Anthropic
from rich.console import Console
from rich.table import Table

from queue_config.settings import CHECKOUT
from tests.support.service import Service

WORDS = ["sky", "rain", "salt", "iron", "moss", "lamp", "tide", "clay", "fern", "wolf"]
PAUSE_S = 0.5
CALM_REQUESTS = 20


def first_and_step_s(client: Anthropic, model: str, number: int) -> tuple[float, float]:
    """Seconds to the first piece of text of a streamed request, and between its pieces (their median)."""
    content = f"Question {number}: what is {WORDS[number % len(WORDS)]}?"
    began_at = time.perf_counter()
    with client.messages.stream(model=model, max_tokens=16, messages=[{"role": "user", "content": content}]) as stream:
        came_at = [time.perf_counter() for event in stream if event.type == "text"]
    gaps = [after - before for before, after in pairwise(came_at)]
    return came_at[0] - began_at, statistics.median(gaps or [0.0])


def beside_batch(client: Anthropic, model: str, requests: int) -> tuple[list[float], float]:
    """Seconds to the first text of each interactive request that was sent while the batch ran; seconds of the batch."""
    batch = client.messages.batches.create(
        requests=[
            {
                "custom_id": f"r{number}",
                "params": {
                    "model": model,
                    "max_tokens": 4,
                    "messages": [{"role": "user", "content": f"{number} times {WORDS[number % len(WORDS)]}?"}],
                },
            }
            for number in range(requests)
        ]
    )
    began_at = time.perf_counter()
    waited_s: list[float] = []
    while client.messages.batches.retrieve(batch.id).processing_status != "ended":
        waited_s.append(first_and_step_s(client, model, 1000 + len(waited_s))[0])
        time.sleep(PAUSE_S)
    batch_s = time.perf_counter() - began_at
    counts = client.messages.batches.retrieve(batch.id).request_counts
    results = {result.custom_id: result.result.type for result in client.messages.batches.results(batch.id)}
    assert (counts.succeeded, counts.errored, counts.canceled, counts.expired) == (requests, 0, 0, 0)
    assert results == {f"r{number}": "succeeded" for number in range(requests)}
    return waited_s, batch_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    options = parser.parse_args()
    model = options.model
    with tempfile.TemporaryDirectory() as home, Service(Path(home), model=CHECKOUT / "models" / model) as service:
        client = Anthropic(base_url=service.url, api_key="none", timeout=600)
        calm = [first_and_step_s(client, model, number) for number in range(CALM_REQUESTS)]
        waited_s, batch_s = beside_batch(client, model, options.requests)
    idle_s, step_s = (statistics.median(column) for column in zip(*calm, strict=True))
    beside_s = statistics.median(waited_s)
    table = Table(title=f"{options.requests} requests in {batch_s:.0f} s, all succeeded; {len(waited_s)} beside them")
    for heading in ("first token ms, idle", "beside: median", "p95", "step, idle", "allowed (2 x idle + step)"):
        table.add_column(heading, justify="right")
    p95_s = statistics.quantiles(waited_s, n=20)[-1]
    row = (idle_s, beside_s, p95_s, step_s, 2 * idle_s + step_s)
    table.add_row(*(f"{1000 * seconds:.0f}" for seconds in row))
    Console().print(table)


if __name__ == "__main__":
    main()
