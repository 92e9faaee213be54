"""A worker that only says what it does: its lease and its report, for those who watch."""

import threading
import time
from typing import Self

from queue_config import report
from queue_config.connection import Redis, connect
from queue_config.histogram import Histogram
from queue_config.lease import Leases, WorkerStatus
from queue_config.report import LaneLatency, RowReport, RowState, WorkerReport
from tests.support.api_fakes import MODEL

NAME = "desk-gpu0.4711-1795304542"
EVERY_S = 0.25
_BOUNDS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_NONE = Histogram.empty(_BOUNDS_S)


def row(number: int, state: RowState = "decoding", **changes: object) -> RowReport:
    """A sequence with a prompt of 400 tokens; `changes` are its fields."""
    read = {"waiting": 0, "prefilling": 100, "decoding": 400}[state]
    values = {
        "id": f"msg_{number:024}",
        "tenant": "",
        "lane": "interactive",
        "state": state,
        "prompt_tokens": 400,
        "prefilled_tokens": read,
        "cached_tokens": 0,
        "output_tokens": 10 * number if state == "decoding" else 0,
        "max_tokens": 500,
        "accepted_at": time.time() - number,
        "started_at": time.time() - number,
    }
    return RowReport(**{**values, **changes})  # type: ignore[arg-type]


class Reporter:
    """Renews its lease and its report until the `with` block is left."""

    def __init__(self, redis_url: str) -> None:
        self.first_tokens = _NONE.observed(0.15, 8).observed(0.3, 4)
        """How long first tokens took so far."""
        self._redis: Redis = connect(redis_url)
        self._said: tuple[tuple[RowReport, ...], dict[str, object]] = ((), {})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> Self:
        self.say()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._redis.close()

    def say(self, *rows: RowReport, **changes: object) -> None:
        """From now on report these rows; `changes` are fields of the report."""
        self._said = (rows, changes)
        self._write()

    def _repeat(self) -> None:
        while not self._over.wait(EVERY_S):
            self._write()

    def _write(self) -> None:
        rows, changes = self._said
        status = WorkerStatus(
            name=NAME, model=MODEL, device="gpu", pid=4711, waiting=0, running=len(rows), slots=32, engine_age_s=0.0
        )
        Leases(self._redis).enrol(status)
        latency = LaneLatency(
            lane="interactive", queue_wait_s=_NONE, first_token_s=self.first_tokens, between_tokens_s=_NONE
        )
        report.write(self._redis, _report(rows, {"latency": (latency,), **changes}))


def _report(rows: tuple[RowReport, ...], changes: dict[str, object]) -> WorkerReport:
    values = {
        "worker": NAME,
        "slot_id": "desk-gpu0",
        "model": MODEL,
        "device": "gpu",
        "pid": 4711,
        "started_at": time.time() - 7_260,
        "written_at": time.time(),
        "state": "busy" if rows else "idle",
        "slots": 32,
        "rows": rows,
        "weights_bytes": 2_150_000_000,
        "kv_bytes": 41_000_000 * len(rows),
        "kv_limit_bytes": 6_000_000_000,
        "cache_bytes": 840_000_000,
        "cache_limit_bytes": 2_000_000_000,
        "decode_tokens_per_s": 38.5 * len(rows),
        "prefill_tokens_per_s": 1_240.0 if rows else 0.0,
        "cache_hits": 61,
        "cache_misses": 22,
        "cache_read_tokens": 48_210,
    }
    return WorkerReport(**{**values, **changes})  # type: ignore[arg-type]
